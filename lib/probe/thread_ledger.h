#ifndef PAGESTALL_LIB_PROBE_THREAD_LEDGER_H_
#define PAGESTALL_LIB_PROBE_THREAD_LEDGER_H_

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "blocked_clock.h"
#include "thread_sleep.h"
#include "usage.h"

namespace pagestall {

// A call of epoll_wait(2).
struct EpollWait {
  int epoll;
  uintptr_t frame;       // of the caller's stack: the higher, the further out
  uintptr_t events_end;  // of the caller's array, which may be on the stack
};

// What one clock takes for blocked. Belongs to a ledger, whose thread rules it
// shares.
class ClockBook {
 public:
  // Of the executor that waits on `epoll`; empty: that waits outermost, as far
  // as can be seen.
  explicit ClockBook(std::optional<int> epoll)
      : is_given_(epoll.has_value()), epoll_(epoll) {}

  // Whether the wait is further out than those that were taken for the
  // executor's.
  bool IsNews(uintptr_t reach) const;
  // Makes such a wait the executor's. The interval under way must be empty.
  void Learn(int epoll, uintptr_t reach);

  // So much of the interval under way was spent in the wait.
  void AddWait(const EpollWait& wait, std::chrono::nanoseconds time);
  // Ends the interval.
  void Settle(std::chrono::nanoseconds wall, const ThreadSleep::Slept& slept);

  const BlockedTime& blocked() const { return blocked_; }

  FaultsAndSwitches usage_at_start;

 private:
  const bool is_given_;
  std::optional<int> epoll_;
  uintptr_t reach_ = 0;
  BlockedTime blocked_;
  BlockedTime slept_;                   // whose wait ever it was
  std::chrono::nanoseconds waited_{0};  // in the interval, the executor's
};

// One thread's time, cut into intervals by readings. Any thread may call it,
// also after the thread has ended; what only the thread itself may call is
// said. In a child of fork(2), nobody may but what refuses there.
class ThreadLedger {
 public:
  // The calling thread's.
  static absl::StatusOr<std::shared_ptr<ThreadLedger>> OfThisThread();
  // The same if it has clocks, else null, as for a signal's handler that
  // interrupts a call of a ledger: its waits are not seen. Allocates nothing.
  static ThreadLedger* OfThisThreadIfUsed();

  bool IsOfThisThread() const;
  bool HasEnded();

  absl::Status Add(ClockBook& book);  // the thread itself
  void Remove(ClockBook& book);

  absl::StatusOr<BlockedTime> Blocked(ClockBook& book);
  absl::StatusOr<FaultsAndSwitches> Usage(ClockBook& book);

  // Around epoll_wait(2), and for one that does not wait; the thread itself.
  // Returns the wait within which a signal's handler makes this one, which then
  // goes on.
  std::optional<EpollWait> BeginWait(const EpollWait& wait);
  void EndWait(const std::optional<EpollWait>& outer);
  void Poll(const EpollWait& wait);

 private:
  struct Owner;
  class Lock;

  ThreadLedger() = default;
  static Owner& OwnerOfThisThread();

  absl::Status Open();
  void End();
  bool IsOnStack(uintptr_t address) const;
  uintptr_t ReachOf(const EpollWait& wait) const;
  void Learn(const EpollWait& wait);
  void AddWaitUntil(std::chrono::nanoseconds now);
  // OK, with the interval ended now; an error in another process.
  absl::Status LockAndSettle(std::optional<Lock>& lock);
  absl::Status Settle();
  bool MayRead(std::chrono::nanoseconds now);

  pid_t process_ = 0;
  pid_t thread_ = 0;
  std::optional<ThreadSleep> sleep_;
  uintptr_t stack_begin_ = 0;
  uintptr_t stack_end_ = 0;

  std::atomic<int> clocks_ = 0;  // books_.size(), for the thread itself

  std::mutex mutex_;  // for the rest
  std::vector<ClockBook*> books_;
  bool has_ended_ = false;
  ThreadSleep::Reading last_;  // begins the interval under way
  std::optional<EpollWait> wait_;
  std::chrono::nanoseconds wait_began_{0};
  // Time that has passed and was not spent on readings.
  std::chrono::nanoseconds credit_{0};
  std::chrono::nanoseconds credited_{0};
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_THREAD_LEDGER_H_
