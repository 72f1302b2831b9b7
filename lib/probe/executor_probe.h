#ifndef PAGESTALL_LIB_PROBE_EXECUTOR_PROBE_H_
#define PAGESTALL_LIB_PROBE_EXECUTOR_PROBE_H_

#include <sys/types.h>

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "blocked_clock.h"
#include "stall_probe.h"
#include "usage.h"

namespace pagestall {

// What a thread that runs an executor did during a window, or that part of it
// since it was first seen.
struct WorkerReport {
  pid_t thread;  // gettid(2)
  // Of several workers, at_least is 0: those that are idle wait for one another
  // on a condition variable, which cannot be told from somebody's lock. So it
  // is of one that was seen alone, unless it has run the last two ticks, or is
  // the only one by RunBy::kOneThread. Without that one that has begun to run
  // the context since may count as blocked, until it runs a tick: for a period.
  // Unimplemented where the kernel or the executor does not tell.
  absl::StatusOr<BlockedTime> blocked;
  absl::StatusOr<FaultsAndSwitches> usage;
};

// What happened on an executor during a window.
struct ExecutorReport {
  Stalls stalls;
  // In the order in which they were first seen; those that have ended in the
  // window are among them.
  std::vector<WorkerReport> workers;
  // Of all workers, added up; an error of one of them, if there is any.
  // FailedPrecondition where no thread has run the executor.
  absl::StatusOr<BlockedTime> blocked;
  absl::StatusOr<FaultsAndSwitches> usage;

  // One line for a log.
  std::string ToString() const;
};

// Watches an executor and the threads that run it: stalls, blocked time, faults
// and switches. A worker is seen when it first runs a tick of the probe
// (StallProbe). While others of the same context idle on a condition variable,
// one waits for events, and that one runs the next tick: so only workers that
// have not come back from somebody's code since the start may be missing. A
// thread that has run a tick is a worker until it ends, also if it has polled
// the context once; what it does elsewhere counts.
//
// All calls may come from any thread, also when the workers have ended, and
// wait for nothing but each other; Start() looks at each open descriptor
// (EpollOf()). Must be destroyed before the execution context is. In a child of
// fork(2) a report is FailedPrecondition, and nothing else happens.
class ExecutorProbe {
 public:
  // The caller's word that no second thread runs the execution context: a
  // thread that is blocked all the time runs no tick to be known by.
  enum class RunBy { kAnyThreads, kOneThread };

  explicit ExecutorProbe(const asio::any_io_executor& executor,
                         RunBy run_by = RunBy::kAnyThreads)
      : ExecutorProbe(executor, StallProbe::Options(), run_by) {}
  ExecutorProbe(const asio::any_io_executor& executor,
                const StallProbe::Options& options,
                RunBy run_by = RunBy::kAnyThreads);
  ~ExecutorProbe();
  ExecutorProbe(const ExecutorProbe&) = delete;
  ExecutorProbe& operator=(const ExecutorProbe&) = delete;

  // Opens the window. Only the first call does.
  void Start();

  // What happened since the start or the last call.
  ExecutorReport Take();

  // The same, and lets the execution context run out of work.
  ExecutorReport Stop();

 private:
  class Workers;

  bool IsOfAnotherProcess(ExecutorReport& report) const;

  const pid_t process_;
  const asio::any_io_executor executor_;
  const std::shared_ptr<Workers> workers_;
  StallProbe stalls_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_EXECUTOR_PROBE_H_
