#ifndef PAGESTALL_LIB_PROBE_EXECUTOR_PROBE_H_
#define PAGESTALL_LIB_PROBE_EXECUTOR_PROBE_H_

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "blocked_clock.h"
#include "stall_probe.h"
#include "usage.h"

namespace pagestall {

// What happened on an executor during a window.
struct ExecutorReport {
  Stalls stalls;
  // Of the executor's thread. Unimplemented where the kernel does not tell.
  absl::StatusOr<BlockedTime> blocked;
  FaultsAndSwitches thread;

  // One line for a log.
  std::string ToString() const;
};

// Watches an executor and the one thread that runs it: stalls, blocked time,
// faults and switches. All calls must come from that thread; before it runs the
// executor or from what runs there. Must be destroyed before the execution
// context is.
class ExecutorProbe {
 public:
  explicit ExecutorProbe(const asio::any_io_executor& executor)
      : ExecutorProbe(executor, StallProbe::Options()) {}
  ExecutorProbe(const asio::any_io_executor& executor,
                const StallProbe::Options& options)
      : stalls_(executor, options) {}

  // Opens the window. Call once.
  void Start();

  // What happened since the start or the last call.
  ExecutorReport Take();

  // The same, and lets the execution context run out of work.
  ExecutorReport Stop();

 private:
  ExecutorReport Report(Stalls stalls);

  StallProbe stalls_;
  absl::StatusOr<std::unique_ptr<BlockedClock>> clock_;
  // At the start of the window.
  BlockedTime blocked_;
  FaultsAndSwitches thread_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_EXECUTOR_PROBE_H_
