#ifndef PAGESTALL_TEST_PROBE_LOAD_H_
#define PAGESTALL_TEST_PROBE_LOAD_H_

#include <sched.h>

#include <atomic>
#include <chrono>
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

// Keeps a CPU busy for so much wall time.
inline void ComputeFor(std::chrono::nanoseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
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
