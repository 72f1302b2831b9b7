#include "lib/executor/async_loop.h"

#include <asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace pagestall {
namespace {

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
  for (const std::string& path : paths) {
    absl::StatusOr<std::unique_ptr<AsyncSource>> opened =
        source.open_async(path, options, environment_);
    if (!opened.ok()) return opened.status();
    sources_.push_back(*std::move(opened));
  }
  return absl::OkStatus();
}

void AsyncLoop::Run(absl::FunctionRef<void()> spawn) {
  for (ScanWatcher* watcher : watchers_) {
    watcher->Begins(io_context_.get_executor());
  }
  spawn();
  if (pending_ == 0) TellEnd();
  io_context_.run();
}

void AsyncLoop::Spawn(asio::awaitable<void> work) {
  ++pending_;
  asio::co_spawn(io_context_, Counted(std::move(work)), RethrowIfAny);
}

asio::awaitable<void> AsyncLoop::Counted(asio::awaitable<void> work) {
  co_await std::move(work);
  if (--pending_ == 0) TellEnd();
}

void AsyncLoop::TellEnd() {
  for (ScanWatcher* watcher : watchers_) watcher->Ends();
}

}  // namespace pagestall
