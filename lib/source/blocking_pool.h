#ifndef PAGESTALL_LIB_SOURCE_BLOCKING_POOL_H_
#define PAGESTALL_LIB_SOURCE_BLOCKING_POOL_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <thread>

namespace pagestall {

// Threads that blocking calls are handed to, each with a queue of its own.
//
// Not an asio::thread_pool: its threads wait on a condition variable, and to
// signal one may put the caller to sleep (on a futex in glibc 2.36's
// pthread_cond_signal()). The caller is the executor
// that is to be kept awake.
class BlockingPool {
 public:
  explicit BlockingPool(size_t threads) {
    for (size_t i = 0; i < threads; ++i) workers_.emplace_back();
  }

  // The next thread's queue, in turn.
  asio::io_context::executor_type next() {
    Worker& worker = workers_[turn_++ % workers_.size()];
    return worker.queue.get_executor();
  }

 private:
  struct Worker {
    asio::io_context queue{1};
    asio::executor_work_guard<asio::io_context::executor_type> open{
        queue.get_executor()};
    std::jthread thread{[this] { queue.run(); }};

    ~Worker() { queue.stop(); }
  };

  std::deque<Worker> workers_;
  size_t turn_ = 0;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_BLOCKING_POOL_H_
