#ifndef PAGESTALL_LIB_PROBE_STALL_PROBE_H_
#define PAGESTALL_LIB_PROBE_STALL_PROBE_H_

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace pagestall {

// The smallest of `ascending` times that a share `q` (0 to 1) of them does not
// exceed: 0.5 is the median, 1 the maximum. 0 if there is none.
std::chrono::nanoseconds Quantile(
    const std::vector<std::chrono::nanoseconds>& ascending, double q);

// How late an executor ran what was due on it.
struct Stalls {
  // From the start, or the last Take(), until now. 0 before the start and after
  // the stop.
  std::chrono::nanoseconds window{0};
  // The part of it in which something was overdue by more than
  // StallProbe::Options::late.
  std::chrono::nanoseconds stalled{0};
  // Of every tick that was due, by its intended time; ascending.
  std::vector<std::chrono::nanoseconds> lateness;

  // Of the lateness.
  std::chrono::nanoseconds Quantile(double q) const {
    return pagestall::Quantile(lateness, q);
  }
  // 0 to 100.
  double StalledPercent() const;
};

// A coroutine on an executor that is due once in a period and records how late
// it ran. Each tick counts by the time it was intended for, also those that a
// stall has swallowed (no "coordinated omission"): a stall of 50 ms leaves
// ticks that are 50, 49, 48, ... ms late.
//
// Works with any Asio executor, also one with several threads. All calls may
// come from any thread, and wait for nothing but each other. Keeps 8 bytes per
// period until they are taken. Must be destroyed before the execution context
// is. In a child of fork(2) nothing is seen, and nothing waited for.
class StallProbe {
 public:
  struct Options {
    std::chrono::nanoseconds period = std::chrono::milliseconds(1);  // >= 1 us
    std::chrono::nanoseconds late = std::chrono::milliseconds(1);
  };

  explicit StallProbe(const asio::any_io_executor& executor)
      : StallProbe(executor, Options()) {}
  // `on_tick` is called on the executor, one call at a time, whenever it runs
  // the coroutine; it must not throw.
  StallProbe(const asio::any_io_executor& executor, const Options& options,
             std::function<void()> on_tick = nullptr);
  ~StallProbe();
  StallProbe(const StallProbe&) = delete;
  StallProbe& operator=(const StallProbe&) = delete;

  // Starts the coroutine; the first tick is due at once. Only the first call
  // does.
  void Start();

  // What was seen since the start or the last call. A tick belongs to the
  // window in which it ran, a stall to every window for its part of it.
  Stalls Take();

  // The same, with the ticks that are overdue. Ends the
  // coroutine, so that the execution context does not wait for it.
  Stalls Stop();

 private:
  struct State;

  std::shared_ptr<State> state_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_STALL_PROBE_H_
