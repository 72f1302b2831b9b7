#ifndef PAGESTALL_LIB_PROBE_THREAD_SLEEP_H_
#define PAGESTALL_LIB_PROBE_THREAD_SLEEP_H_

#include <sys/types.h>
#include <time.h>

#include <chrono>
#include <optional>

#include "../file/file.h"
#include "absl/status/statusor.h"
#include "process.h"
#include "usage.h"

namespace pagestall {

// For how long a thread sleeps, whatever for: sleep = wall time - CPU time -
// time in the run queue (schedstat, the kernel's sched-stats.rst). Of any
// process, from outside. Any thread; waits for nothing.
class ThreadSleep {
 public:
  // What the thread has done with its time so far.
  struct Reading {
    std::chrono::nanoseconds wall{0};  // CLOCK_MONOTONIC
    std::chrono::nanoseconds cpu{0};
    std::chrono::nanoseconds queued{0};
    FaultsAndSwitches usage;
    bool by_itself = true;  // it is the thread that reads
  };

  // Unimplemented where the kernel has no schedstat.
  static absl::StatusOr<ThreadSleep> OfThisThread();
  // By its gettid(2). NotFound where it has ended. CPU time is what schedstat
  // says: up to a tick old while the thread runs (1 to 10 ms, CONFIG_HZ).
  static absl::StatusOr<ThreadSleep> Of(pid_t thread,
                                        const Process& process = {});

  // `by_itself`: the caller is the thread. NotFound when it has ended. Takes 1
  // to 6 us, of another thread 20 to 40.
  absl::StatusOr<Reading> Read(bool by_itself = false) const;

  struct Slept {
    std::chrono::nanoseconds at_least{0};
    std::chrono::nanoseconds at_most{0};
  };
  // For how long it slept between two of its readings; not in a stretch without
  // a voluntary switch, whatever the clocks say. A kernel that
  // `queues_sleepers` may take a sleep for time in the run queue: since Linux
  // 6.12 one that goes to sleep may stay there for a while (delayed dequeue;
  // the kernel's kernel/sched/core.c), and is booked as waiting for a CPU if it
  // is moved to another one's meanwhile. On two busy CPUs that befell one in
  // 2,000 sleeps of 50 ms.
  static Slept Between(const Reading& before, const Reading& after,
                       bool queues_sleepers = KernelQueuesSleepers());
  static bool KernelQueuesSleepers();

 private:
  struct Scheduled {
    std::chrono::nanoseconds cpu;
    std::chrono::nanoseconds queued;
  };

  ThreadSleep(pid_t thread, const Process& process, File schedstat)
      : thread_(thread), process_(process), schedstat_(std::move(schedstat)) {}

  absl::StatusOr<Scheduled> ReadSchedstat() const;
  absl::Status Ended() const;  // NotFound

  pid_t thread_;
  Process process_;
  File schedstat_;
  std::optional<clockid_t> cpu_clock_;  // of this process's threads
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_THREAD_SLEEP_H_
