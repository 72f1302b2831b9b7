#ifndef PAGESTALL_LIB_EXECUTOR_ASYNC_LOOP_H_
#define PAGESTALL_LIB_EXECUTOR_ASYNC_LOOP_H_

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "lib/executor/scan.h"
#include "lib/file/touch.h"
#include "lib/source/async_environment.h"
#include "lib/source/source.h"

namespace pagestall {

// One thread's io_context and the open sources that are awaited on it: what an
// async executor consists of, whatever its coroutines do.
class AsyncLoop {
 public:
  // `max_operations` as in AsyncEnvironment.
  AsyncLoop(size_t max_operations, std::vector<ScanWatcher*> watchers);

  // Opens every file.
  absl::Status Open(const Source& source, const std::vector<std::string>& paths,
                    const SourceOptions& options);

  AsyncSource& source(size_t file) { return *sources_[file]; }

  // The window: runs what `spawn` spawns, and the watchers, until all has
  // ended. An error is what somebody has thrown; if a coroutine did, the others
  // have ended as well.
  absl::Status Run(absl::FunctionRef<void()> spawn);

  // Before the window: the same without the watchers.
  absl::Status RunBefore(absl::FunctionRef<void()> spawn);

  // In Run() and RunBefore() only.
  void Spawn(asio::awaitable<void> work);

 private:
  asio::awaitable<void> Counted(asio::awaitable<void> work);
  void TellEnd();

  asio::io_context io_context_{1};
  // Never set. With it the io_context polls and waits in epoll, as that of any
  // service does that has a timer or a socket; it has one when probed anyway.
  asio::steady_timer polled_{io_context_};
  std::vector<std::unique_ptr<AsyncSource>> sources_;
  AsyncEnvironment environment_;  // goes before them
  std::vector<ScanWatcher*> watchers_;
  BusErrorsCaught caught_;
  size_t pending_ = 0;  // coroutines that have not ended
  size_t begun_ = 0;    // of the watchers
  size_t told_ = 0;     // of the end
  absl::Status error_;  // the first
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_ASYNC_LOOP_H_
