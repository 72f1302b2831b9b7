#include "lib/executor/async.h"

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <vector>

#include "lib/executor/async_loop.h"
#include "lib/executor/file_sums.h"
#include "lib/kernel/strided_sum.h"

namespace pagestall {
namespace {

// Lets others run after every `yield_bytes`.
asio::awaitable<void> AddYielding(Chunk bytes, size_t yield_bytes,
                                  StridedSum& sum) {
  while (!bytes.empty()) {
    const Chunk next = bytes.first(std::min(yield_bytes, bytes.size()));
    sum.Add(next);
    bytes.remove_prefix(next.size());
    co_await asio::post(asio::use_awaitable);
  }
}

asio::awaitable<absl::StatusOr<uint64_t>> SumFile(AsyncSource& source,
                                                  uint64_t stride,
                                                  size_t yield_bytes) {
  StridedSum sum(stride);
  while (true) {
    const absl::StatusOr<AwaitedChunk> chunk = co_await source.Next();
    if (!chunk.ok()) co_return chunk.status();
    const Chunk bytes = chunk->bytes;
    if (bytes.empty()) co_return sum.value();
    if (chunk->touch_on != nullptr) {
      co_await chunk->touch_on->Run([bytes, &sum] {
        sum.Add(bytes);
        return sum.value();
      });
    } else if (yield_bytes > 0) {
      co_await AddYielding(bytes, yield_bytes, sum);
    } else {
      sum.Add(bytes);
    }
  }
}

class AsyncScanBase : public Scan {
 public:
  explicit AsyncScanBase(const ScanSpec& spec)
      : loop_(spec.paths.size(), spec.watchers),
        sums_(spec.paths.size()),
        stride_(spec.stride),
        yield_bytes_(spec.yield_bytes) {}

  absl::Status Open(const Source& source, const ScanSpec& spec) {
    return loop_.Open(source, spec.paths, spec.source_options);
  }

  absl::StatusOr<std::vector<uint64_t>> Run() override {
    loop_.Run([this] { Spawn(); });
    return Delivered(sums_);
  }

 protected:
  virtual void Spawn() = 0;

  size_t files() const { return sums_.size(); }

  asio::awaitable<void> SumOne(size_t file) {
    sums_[file] = co_await SumFile(loop_.source(file), stride_, yield_bytes_);
  }

  AsyncLoop loop_;

 private:
  FileSums sums_;
  uint64_t stride_;
  size_t yield_bytes_;
};

class AsyncScan final : public AsyncScanBase {
 public:
  using AsyncScanBase::AsyncScanBase;

 private:
  void Spawn() override {
    for (size_t file = 0; file < files(); ++file) loop_.Spawn(SumOne(file));
  }
};

class AsyncSeqScan final : public AsyncScanBase {
 public:
  using AsyncScanBase::AsyncScanBase;

 private:
  void Spawn() override { loop_.Spawn(SumAll()); }

  asio::awaitable<void> SumAll() {
    for (size_t file = 0; file < files(); ++file) {
      co_await SumOne(file);
    }
  }
};

template <typename Kind>
absl::StatusOr<std::unique_ptr<Scan>> Prepare(const Source& source,
                                              const ScanSpec& spec) {
  auto scan = std::make_unique<Kind>(spec);
  if (absl::Status status = scan->Open(source, spec); !status.ok()) {
    return status;
  }
  return scan;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scan>> PrepareAsync(const Source& source,
                                                   const ScanSpec& spec) {
  return Prepare<AsyncScan>(source, spec);
}

absl::StatusOr<std::unique_ptr<Scan>> PrepareAsyncSeq(const Source& source,
                                                      const ScanSpec& spec) {
  return Prepare<AsyncSeqScan>(source, spec);
}

}  // namespace pagestall
