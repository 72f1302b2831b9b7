#ifndef PAGESTALL_TEST_PROBE_LOAD_H_
#define PAGESTALL_TEST_PROBE_LOAD_H_

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace pagestall {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;

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
