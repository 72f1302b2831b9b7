#ifndef PAGESTALL_TEST_PROBE_LOAD_H_
#define PAGESTALL_TEST_PROBE_LOAD_H_

#include <sched.h>
#include <time.h>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace pagestall {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;

// Keeps this thread, and those that it starts, on one CPU while it lives. A
// sleeper that is moved to another one may be booked as waiting for it
// (ThreadSleep::Between()).
class OnOneCpu {
 public:
  OnOneCpu() {
    sched_getaffinity(0, sizeof(before_), &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
    sched_setaffinity(0, sizeof(one), &one);
  }
  ~OnOneCpu() { sched_setaffinity(0, sizeof(before_), &before_); }
  OnOneCpu(const OnOneCpu&) = delete;
  OnOneCpu& operator=(const OnOneCpu&) = delete;

 private:
  cpu_set_t before_;
};

inline std::chrono::nanoseconds ThreadCpuTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

// Keeps a CPU busy for so much wall time.
inline void ComputeFor(std::chrono::nanoseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// A synchronous call that has an event loop of its own.
inline void RunLoopOfItsOwn(std::chrono::milliseconds time) {
  asio::io_context own;
  asio::steady_timer reply(own, time);
  reply.async_wait([](const asio::error_code& /*error*/) {});
  own.run();
}

// A loop that waits `turns` times, and calls `body` with 1, 2, ... in between.
inline void WaitOften(int turns, std::chrono::microseconds time,
                      const std::function<void(int)>& body) {
  asio::io_context context;
  asio::steady_timer timer(context);
  int turn = 0;
  const std::function<void()> next = [&] {
    if (++turn > turns) return;
    timer.expires_after(time);
    timer.async_wait([&](const asio::error_code& /*error*/) {
      body(turn);
      next();
    });
  };
  next();
  context.run();
}

// Threads that compete for the CPUs while this lives.
class Busy {
 public:
  explicit Busy(int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
        }
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

}  // namespace pagestall

#endif  // PAGESTALL_TEST_PROBE_LOAD_H_
