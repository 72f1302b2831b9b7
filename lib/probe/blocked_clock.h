#ifndef PAGESTALL_LIB_PROBE_BLOCKED_CLOCK_H_
#define PAGESTALL_LIB_PROBE_BLOCKED_CLOCK_H_

#include <algorithm>
#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "usage.h"

namespace pagestall {

class ClockBook;
class ThreadLedger;

// For how long a thread slept outside its executor's wait for events.
struct BlockedTime {
  std::chrono::nanoseconds at_least{0};
  std::chrono::nanoseconds at_most{0};

  BlockedTime operator-(const BlockedTime& before) const {
    const auto least = at_least - before.at_least;
    return {.at_least = least,
            .at_most = std::max(at_most - before.at_most, least)};
  }
};

// Measures for how long a thread is blocked: asleep (in a page fault, a read, a
// lock, sleep(3), ...) while it runs somebody's code. Neither computing nor
// waiting for a CPU counts, nor time that the hypervisor gave to others, nor
// the sleep in the executor's epoll_wait(2), which is where an asio::io_context
// waits for events. Other ways of waiting for them count as blocked: an
// io_context that never had a timer or a socket, all but one of the threads
// that run one together, and an asio::thread_pool wait on condition variables;
// other loops call epoll_pwait(2), poll(2) or io_uring_enter(2).
//
// A thread may wait in epoll_wait() of somebody else than the executor: a
// coroutine that makes a synchronous call which has an event loop of its own is
// blocked. Whose wait it is, tells the epoll descriptor, if it is given. Else
// that is a guess: the executor's is that on which the thread waits outermost,
// by its stack. A call of epoll_wait() is as far out as its frame, or as the
// end of the array of events that it is given, if that is on the stack too, as
// asio's is: an io_context that a clock is started around is known so, whatever
// runs within it. A loop that is written otherwise may be mistaken for one
// within: whose array is on the heap, and whose call is made by functions with
// larger frames than those that lead to the nested call. Of two loops one after
// the other, one counts as blocked. What cannot be told either: a
// clock that sees no wait but those of a nested loop takes that for the
// executor's, be it that it was started within the outer loop or that the outer
// one never calls epoll_wait(). The first call of the outer loop puts that
// right, and makes at_least jump, unless it has got the descriptor of the
// nested one, which was closed.
//
// How: sleep = wall time - CPU time (the thread's CPU clock) - time in the run
// queue (/proc/thread-self/schedstat, the kernel's sched-stats.rst), read where
// epoll_wait() begins and where it ends. For that, the library defines
// epoll_wait() itself, as epoll_pwait(2) without a signal mask, which by the
// man page is the same; the linker prefers it to the C library's. (Where a
// sandbox refuses that, it makes the call that the C library would; one that
// kills for it kills.) A thread that measures nothing pays a look at a
// thread-local variable.
//
// Cost: a reading takes 1 to 6 us, by machine, so that no more than one in 400
// us is made on average, or 0.5 to 1.5 % of the time. Error: waits that are not
// read at both ends leave open whether the thread slept in them or between
// them; then the time is known within bounds only. Of one sleep between two
// waits, at_least misses less than 0.4 ms, and of many as much as the waits
// took beside sleeping, some 20 to 60 us each: in turns of 200 to 440 us with a
// fault in each it has been 65 to 75 % of the sleep. A stretch without a
// voluntary context switch is not blocked, whatever the clocks say; in one that
// has slept, stolen CPU time counts as sleep where the kernel takes it out of
// the thread's CPU time (CONFIG_PARAVIRT_TIME_ACCOUNTING). Linux from 6.12 on
// takes some sleeps for a wait for a CPU (ThreadSleep::Between()): there,
// only at_most has time in the run queue.
//
// Threads: a clock measures the thread that started it, and may be read
// and destroyed by any, also after that thread has ended: then it says what was
// until its end; of a main thread that ends without the process
// (pthread_exit(3)), until it was last read. Another thread's reading takes 20
// to 40 us, and counts the time for which the thread is just then in the run
// queue as sleep. Several clocks may run on a thread. Calls wait for nothing
// but each other, and for them the measured thread's epoll_wait().
class BlockedClock {
 public:
  // Unimplemented where the kernel has no schedstat; FailedPrecondition in a
  // destructor of a thread_local object, where it may be too late.
  static absl::StatusOr<std::unique_ptr<BlockedClock>> Start();
  // The executor waits on `epoll`, which must not be closed before the clock is
  // destroyed.
  static absl::StatusOr<std::unique_ptr<BlockedClock>> Start(int epoll);

  ~BlockedClock();
  BlockedClock(const BlockedClock&) = delete;
  BlockedClock& operator=(const BlockedClock&) = delete;

  // Since the start. FailedPrecondition in a child of fork(2), which does not
  // have the thread that was measured.
  absl::StatusOr<BlockedTime> Elapsed() const;
  absl::StatusOr<FaultsAndSwitches> Usage() const;

  bool MeasuresThisThread() const;
  // Whether the thread has ended.
  bool HasEnded() const;

 private:
  static absl::StatusOr<std::unique_ptr<BlockedClock>> Start(
      std::unique_ptr<ClockBook> book);
  BlockedClock(std::shared_ptr<ThreadLedger> ledger,
               std::unique_ptr<ClockBook> book);

  const std::shared_ptr<ThreadLedger> ledger_;
  const std::unique_ptr<ClockBook> book_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_BLOCKED_CLOCK_H_
