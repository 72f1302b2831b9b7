#include "lib/executor/async.h"

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <string>
#include <vector>

#include "lib/executor/async_loop.h"
#include "lib/executor/block_order.h"
#include "lib/executor/file_sums.h"
#include "lib/file/exception_status.h"
#include "lib/file/touch.h"
#include "lib/kernel/strided_sum.h"

namespace pagestall {
namespace {

// A file's bytes from `offset` on into its sum, letting others run after every
// `yield_bytes`.
asio::awaitable<absl::Status> AddYielding(Chunk bytes, const std::string& path,
                                          uint64_t offset, size_t yield_bytes,
                                          StridedSum& sum) {
  while (!bytes.empty()) {
    const Chunk next = bytes.first(std::min(yield_bytes, bytes.size()));
    absl::Status touched = Touch(next, path, offset, [&] { sum.Add(next); });
    if (!touched.ok()) co_return touched;
    bytes.remove_prefix(next.size());
    offset += next.size();
    co_await asio::post(asio::use_awaitable);
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<uint64_t>> SumBlocks(AsyncSource& source,
                                                    const std::string& path,
                                                    const BlockOrder& order,
                                                    const ScanSpec& spec) {
  uint64_t sum = 0;
  for (const uint64_t offset : order.offsets()) {
    const absl::StatusOr<AwaitedChunk> chunk =
        co_await source.At(offset, order.buffer());
    if (!chunk.ok()) co_return chunk.status();
    const auto add = [&] {
      return Touch(chunk->bytes, path, offset, [&] {
        sum += BlockOrder::Sum(chunk->bytes, offset, spec.stride);
      });
    };
    absl::Status touched;
    if (chunk->touch_on != nullptr) {
      touched = co_await chunk->touch_on->Run(add);
    } else {
      touched = add();
    }
    if (!touched.ok()) co_return touched;
    if (spec.yield_bytes > 0) {
      co_await asio::post(asio::use_awaitable);
    }
  }
  co_return sum;
}

asio::awaitable<absl::StatusOr<uint64_t>> SumFile(AsyncSource& source,
                                                  const std::string& path,
                                                  const ScanSpec& spec) {
  StridedSum sum(spec.stride, spec.prefetch);
  for (uint64_t offset = 0;;) {
    const absl::StatusOr<AwaitedChunk> chunk = co_await source.Next();
    if (!chunk.ok()) co_return chunk.status();
    const Chunk bytes = chunk->bytes;
    if (bytes.empty()) co_return sum.value();
    const auto add = [&] {
      return Touch(bytes, path, offset, [&] { sum.Add(bytes); });
    };
    absl::Status touched;
    if (chunk->touch_on != nullptr) {
      touched = co_await chunk->touch_on->Run(add);
    } else if (spec.yield_bytes > 0) {
      touched =
          co_await AddYielding(bytes, path, offset, spec.yield_bytes, sum);
    } else {
      touched = add();
    }
    if (!touched.ok()) co_return touched;
    offset += bytes.size();
  }
}

class AsyncScanBase : public Scan {
 public:
  explicit AsyncScanBase(const ScanSpec& spec)
      : spec_(spec),
        loop_(spec.paths.size(), spec.watchers),
        sums_(spec.paths.size()) {}

  absl::Status Open(const Source& source) {
    absl::StatusOr<std::vector<BlockOrder>> orders = BlockOrdersOf(spec_);
    if (!orders.ok()) return orders.status();
    orders_ = *std::move(orders);
    return loop_.Open(source, spec_.paths, spec_.source_options);
  }

  absl::StatusOr<std::vector<uint64_t>> Run() override {
    const absl::Status ran = loop_.Run([this] { Spawn(); });
    if (!ran.ok()) return ran;
    return Delivered(sums_);
  }

 protected:
  virtual void Spawn() = 0;

  size_t files() const { return sums_.size(); }

  asio::awaitable<void> SumOne(size_t file) {
    AsyncSource& source = loop_.source(file);
    const std::string& path = spec_.paths[file];
    // Not by a conditional expression, which GCC 12 gets wrong around co_await.
    if (orders_.empty()) {
      sums_[file] = co_await SumFile(source, path, spec_);
    } else {
      sums_[file] = co_await SumBlocks(source, path, orders_[file], spec_);
    }
  }

 private:
  ScanSpec spec_;
  std::vector<BlockOrder> orders_;  // of each file; empty: front to back

 protected:
  AsyncLoop loop_;

 private:
  FileSums sums_;
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
  return Caught("prepare the scan",
                [&]() -> absl::StatusOr<std::unique_ptr<Scan>> {
                  auto scan = std::make_unique<Kind>(spec);
                  if (absl::Status status = scan->Open(source); !status.ok()) {
                    return status;
                  }
                  return scan;
                });
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
