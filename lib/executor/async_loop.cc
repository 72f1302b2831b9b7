#include "lib/executor/async_loop.h"

#include <asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "lib/executor/events.h"
#include "lib/file/exception_status.h"

namespace pagestall {
namespace {

constexpr char kRun[] = "run the executor";

void RethrowIfAny(const std::exception_ptr& exception) {
  if (exception) std::rethrow_exception(exception);
}

}  // namespace

AsyncLoop::AsyncLoop(size_t max_operations, std::vector<ScanWatcher*> watchers)
    : environment_(io_context_.get_executor(), max_operations),
      watchers_(std::move(watchers)) {}

absl::Status AsyncLoop::Open(const Source& source,
                             const std::vector<std::string>& paths,
                             const SourceOptions& options) {
  if (absl::Status status = CheckEvents(); !status.ok()) return status;
  for (const std::string& path : paths) {
    absl::StatusOr<std::unique_ptr<AsyncSource>> opened =
        source.openers->async(path, options, environment_);
    if (!opened.ok()) return opened.status();
    sources_.push_back(*std::move(opened));
  }
  return absl::OkStatus();
}

absl::Status AsyncLoop::Run(absl::FunctionRef<void()> spawn) {
  absl::Status ran = Caught(kRun, [&] {
    for (ScanWatcher* watcher : watchers_) {
      watcher->Begins(io_context_.get_executor());
      ++begun_;
    }
    spawn();
    if (pending_ == 0) TellEnd();
    io_context_.run();
    return absl::OkStatus();
  });
  if (!ran.ok()) TellEnd();
  error_.Update(std::move(ran));
  return error_;
}

absl::Status AsyncLoop::RunBefore(absl::FunctionRef<void()> spawn) {
  return Caught(kRun, [&] {
    spawn();
    io_context_.run();
    io_context_.restart();
    return error_;
  });
}

void AsyncLoop::Spawn(asio::awaitable<void> work) {
  ++pending_;
  asio::co_spawn(io_context_, Counted(std::move(work)), RethrowIfAny);
}

asio::awaitable<void> AsyncLoop::Counted(asio::awaitable<void> work) {
  try {
    co_await std::move(work);
  } catch (...) {
    error_.Update(ExceptionStatus(kRun));
  }
  if (--pending_ == 0) TellEnd();
}

void AsyncLoop::TellEnd() {
  while (told_ < begun_) watchers_[told_++]->Ends();
}

}  // namespace pagestall
