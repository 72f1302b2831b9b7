#include "lib/executor/async.h"

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <utility>
#include <vector>

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

void RethrowIfAny(const std::exception_ptr& exception) {
  if (exception) std::rethrow_exception(exception);
}

class AsyncScanBase : public Scan {
 public:
  explicit AsyncScanBase(const ScanSpec& spec)
      : environment_(io_context_.get_executor(), spec.paths.size()),
        sums_(spec.paths.size()),
        pending_(spec.paths.size()),
        stride_(spec.stride),
        yield_bytes_(spec.yield_bytes),
        watchers_(spec.watchers) {}

  absl::Status Open(const Source& source, const ScanSpec& spec) {
    for (const std::string& path : spec.paths) {
      absl::StatusOr<std::unique_ptr<AsyncSource>> opened =
          source.open_async(path, spec.source_options, environment_);
      if (!opened.ok()) return opened.status();
      sources_.push_back(*std::move(opened));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<uint64_t>> Run() override {
    for (ScanWatcher* watcher : watchers_) {
      watcher->Begins(io_context_.get_executor());
    }
    Spawn();
    if (pending_ == 0) TellEnd();
    io_context_.run();
    return Delivered(sums_);
  }

 protected:
  virtual void Spawn() = 0;

  asio::awaitable<void> SumOne(size_t file) {
    sums_[file] = co_await SumFile(*sources_[file], stride_, yield_bytes_);
    if (--pending_ == 0) TellEnd();
  }

  asio::io_context io_context_{1};
  // Never set. With it the io_context polls and waits in epoll, as that of any
  // service does that has a timer or a socket; it has one when probed anyway.
  asio::steady_timer polled_{io_context_};
  std::vector<std::unique_ptr<AsyncSource>> sources_;
  AsyncEnvironment environment_;  // goes before them

 private:
  void TellEnd() {
    for (ScanWatcher* watcher : watchers_) watcher->Ends();
  }

  FileSums sums_;
  size_t pending_;  // files whose sum is not delivered
  uint64_t stride_;
  size_t yield_bytes_;
  std::vector<ScanWatcher*> watchers_;
};

class AsyncScan final : public AsyncScanBase {
 public:
  using AsyncScanBase::AsyncScanBase;

 private:
  void Spawn() override {
    for (size_t file = 0; file < sources_.size(); ++file) {
      asio::co_spawn(io_context_, SumOne(file), RethrowIfAny);
    }
  }
};

class AsyncSeqScan final : public AsyncScanBase {
 public:
  using AsyncScanBase::AsyncScanBase;

 private:
  void Spawn() override { asio::co_spawn(io_context_, SumAll(), RethrowIfAny); }

  asio::awaitable<void> SumAll() {
    for (size_t file = 0; file < sources_.size(); ++file) {
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
