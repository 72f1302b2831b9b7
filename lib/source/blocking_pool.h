#ifndef PAGESTALL_LIB_SOURCE_BLOCKING_POOL_H_
#define PAGESTALL_LIB_SOURCE_BLOCKING_POOL_H_

#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <deque>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/file/thread_start.h"

namespace pagestall {

// Threads that blocking calls are handed to, one call at a time each; as many
// as are made at once. All calls from the executor's thread. Its destructor
// waits for the calls that have begun; the executor must not run afterwards, so
// that coroutines that were awaiting are not resumed.
//
// Not an asio::thread_pool: its threads share a condition variable, and to
// signal one with older waiters may put the caller to sleep (on a futex in
// glibc 2.36's pthread_cond_signal()). The caller is the executor that is to be
// kept awake. Here each thread waits on one of its own.
class BlockingPool {
 public:
  // Starts `threads`, so that the first so many calls need not.
  explicit BlockingPool(size_t threads) {
    for (size_t i = 0; i < threads; ++i) {
      idle_.push_back(&workers_.emplace_back());
    }
  }

  // Runs `function` on a thread while the awaiting coroutine's executor runs
  // others; the await yields its result. The coroutine itself never leaves its
  // executor. `function` must not throw, and what it refers to must live until
  // the await returns.
  template <typename Function>
  asio::awaitable<std::invoke_result_t<Function&>> Run(Function function) {
    using Result = std::invoke_result_t<Function&>;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    if (idle_.empty()) idle_.push_back(&workers_.emplace_back());
    Worker* const worker = idle_.back();
    idle_.pop_back();
    auto start = [worker, &executor, &function](auto handler) {
      asio::post(worker->queue.get_executor(),
                 [executor, &function, handler = std::move(handler)]() mutable {
                   asio::post(executor, [handler = std::move(handler),
                                         result = function()]() mutable {
                     std::move(handler)(std::move(result));
                   });
                 });
    };
    Result result =
        co_await asio::async_initiate<const asio::use_awaitable_t<>,
                                      void(Result)>(start, asio::use_awaitable);
    idle_.push_back(worker);
    co_return result;
  }

 private:
  template <typename Function>
  static std::jthread Start(const Function& function) {
    CheckThreadMayStart();
    return std::jthread(function);
  }

  struct Worker {
    asio::io_context queue{1};
    asio::executor_work_guard<asio::io_context::executor_type> open{
        queue.get_executor()};
    std::jthread thread{Start([this] { queue.run(); })};

    ~Worker() { queue.stop(); }
  };

  std::deque<Worker> workers_;
  std::vector<Worker*> idle_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_BLOCKING_POOL_H_
