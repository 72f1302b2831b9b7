#ifndef PAGESTALL_LIB_PROBE_BLOCKED_CLOCK_H_
#define PAGESTALL_LIB_PROBE_BLOCKED_CLOCK_H_

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"

namespace pagestall {

// For how long a thread slept outside its executor's wait for events.
struct BlockedTime {
  std::chrono::nanoseconds at_least{0};
  std::chrono::nanoseconds at_most{0};

  BlockedTime operator-(const BlockedTime& before) const {
    return {.at_least = at_least - before.at_least,
            .at_most = at_most - before.at_most};
  }
};

// Measures for how long the calling thread is blocked: asleep (in a page fault,
// a read, a lock, sleep(3), ...) while it runs somebody's code. Neither
// computing nor waiting for a CPU counts, nor time that the hypervisor gave to
// others, nor the sleep in epoll_wait(2), which is where an asio::io_context
// waits for events. Other ways of waiting for them count as blocked: an
// io_context that never had a timer or a socket, all but one of the threads
// that run one together, and an asio::thread_pool wait on condition variables.
//
// How: sleep = wall time - CPU time (CLOCK_THREAD_CPUTIME_ID) - time in the run
// queue (/proc/thread-self/schedstat, the kernel's sched-stats.rst), read where
// epoll_wait() begins and where it ends. For that, the library defines
// epoll_wait() itself, as epoll_pwait(2) without a signal mask, which by the
// man page is the same; the linker prefers it to the C library's. A thread that
// measures nothing pays a look at a thread-local variable.
//
// Cost: a reading takes 1 to 2 us, so that no more than one in 400 us is made
// on average, or 0.5 % of the time. Error: waits that are not read at both ends
// leave open whether the thread slept in them or between them; then the time is
// known within bounds only. A stretch without a voluntary context switch is not
// blocked, whatever the clocks say; in one that has slept, stolen CPU time
// counts as sleep where the kernel takes it out of the thread's CPU time
// (CONFIG_PARAVIRT_TIME_ACCOUNTING).
class BlockedClock {
 public:
  // Unimplemented where the kernel has no schedstat. Several clocks may run on
  // a thread. Each must be used and destroyed on the thread that started it.
  static absl::StatusOr<std::unique_ptr<BlockedClock>> Start();

  ~BlockedClock();
  BlockedClock(const BlockedClock&) = delete;
  BlockedClock& operator=(const BlockedClock&) = delete;

  // Since the start.
  BlockedTime Elapsed() const;

 private:
  BlockedClock() = default;

  BlockedTime start_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_BLOCKED_CLOCK_H_
