#include "lib/executor/async.h"

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "lib/executor/file_sums.h"
#include "lib/kernel/strided_sum.h"

namespace pagestall {
namespace {

asio::awaitable<absl::StatusOr<uint64_t>> SumFile(AsyncSource& source,
                                                  uint64_t stride) {
  StridedSum sum(stride);
  while (true) {
    const absl::StatusOr<Chunk> chunk = co_await source.Next();
    if (!chunk.ok()) co_return chunk.status();
    if (chunk->empty()) co_return sum.value();
    sum.Add(*chunk);
  }
}

void RethrowIfAny(const std::exception_ptr& exception) {
  if (exception) std::rethrow_exception(exception);
}

class AsyncScanBase : public Scan {
 public:
  explicit AsyncScanBase(const ScanSpec& spec)
      : environment_(spec.paths.size()),
        sums_(spec.paths.size()),
        pending_(spec.paths.size()),
        stride_(spec.stride),
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
    sums_[file] = co_await SumFile(*sources_[file], stride_);
    if (--pending_ == 0) TellEnd();
  }

  // The sources go first: they refer to the environment.
  asio::io_context io_context_{1};
  // Never set. With it the io_context polls and waits in epoll, as that of any
  // service does that has a timer or a socket; it has one when probed anyway.
  asio::steady_timer polled_{io_context_};
  AsyncEnvironment environment_;
  std::vector<std::unique_ptr<AsyncSource>> sources_;

 private:
  void TellEnd() {
    for (ScanWatcher* watcher : watchers_) watcher->Ends();
  }

  FileSums sums_;
  size_t pending_;  // files whose sum is not delivered
  uint64_t stride_;
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
