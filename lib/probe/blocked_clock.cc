#include "lib/probe/blocked_clock.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "lib/probe/thread_ledger.h"

namespace pagestall {

absl::StatusOr<std::unique_ptr<BlockedClock>> BlockedClock::Start() {
  return Start(std::make_unique<ClockBook>(std::nullopt));
}

absl::StatusOr<std::unique_ptr<BlockedClock>> BlockedClock::Start(int epoll) {
  return Start(std::make_unique<ClockBook>(epoll));
}

absl::StatusOr<std::unique_ptr<BlockedClock>> BlockedClock::Start(
    std::unique_ptr<ClockBook> book) {
  absl::StatusOr<std::shared_ptr<ThreadLedger>> ledger =
      ThreadLedger::OfThisThread();
  if (!ledger.ok()) return ledger.status();
  if (absl::Status status = (*ledger)->Add(*book); !status.ok()) return status;
  return std::unique_ptr<BlockedClock>(
      new BlockedClock(*std::move(ledger), std::move(book)));
}

BlockedClock::BlockedClock(std::shared_ptr<ThreadLedger> ledger,
                           std::unique_ptr<ClockBook> book)
    : ledger_(std::move(ledger)), book_(std::move(book)) {}

BlockedClock::~BlockedClock() { ledger_->Remove(*book_); }

absl::StatusOr<BlockedTime> BlockedClock::Elapsed() const {
  return ledger_->Blocked(*book_);
}

absl::StatusOr<FaultsAndSwitches> BlockedClock::Usage() const {
  return ledger_->Usage(*book_);
}

bool BlockedClock::MeasuresThisThread() const {
  return ledger_->IsOfThisThread();
}

bool BlockedClock::HasEnded() const { return ledger_->HasEnded(); }

namespace {

class MeasuredWait {
 public:
  MeasuredWait(const EpollWait& wait, int timeout_ms) {
    ThreadLedger* const ledger = ThreadLedger::OfThisThreadIfUsed();
    if (ledger == nullptr) return;
    if (timeout_ms == 0) {
      ledger->Poll(wait);
    } else {
      ledger_ = ledger;
      outer_ = ledger_->BeginWait(wait);
    }
  }
  ~MeasuredWait() {
    if (ledger_ == nullptr) return;
    const int error = errno;
    ledger_->EndWait(outer_);
    errno = error;
  }
  MeasuredWait(const MeasuredWait&) = delete;
  MeasuredWait& operator=(const MeasuredWait&) = delete;

 private:
  ThreadLedger* ledger_ = nullptr;  // if it sleeps and is measured
  std::optional<EpollWait> outer_;
};

}  // namespace
}  // namespace pagestall

extern "C" int epoll_wait(int epoll, struct epoll_event* events, int most,
                          int timeout_ms) {
  const pagestall::MeasuredWait wait(
      {.epoll = epoll,
       .frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)),
       .events_end = reinterpret_cast<uintptr_t>(events) +
                     static_cast<size_t>(std::max(most, 0)) * sizeof(*events)},
      timeout_ms);
  const int count = epoll_pwait(epoll, events, most, timeout_ms, nullptr);
#ifdef SYS_epoll_wait
  // A sandbox may know that alone, for the C library calls it.
  if (count < 0 && (errno == EPERM || errno == ENOSYS)) {
    return static_cast<int>(
        syscall(SYS_epoll_wait, epoll, events, most, timeout_ms));
  }
#endif
  return count;
}
