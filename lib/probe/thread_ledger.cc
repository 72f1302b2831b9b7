#include "lib/probe/thread_ledger.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/file/uncancelled.h"

namespace pagestall {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

nanoseconds Wall() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

// The calling thread's; null before its first clock, and when it is ending.
constinit thread_local ThreadLedger* current = nullptr;
constinit thread_local bool is_ending = false;

// Within a call of any ledger, whose mutex a signal's handler would wait for.
constinit thread_local bool is_inside = false;

// Another thread may hold the ledger's mutex, which no child inherits.
[[maybe_unused]] const int kForks = pthread_atfork(nullptr, nullptr, [] {
  current = nullptr;
  is_inside = false;
});

}  // namespace

class ThreadLedger::Lock {
 public:
  explicit Lock(std::mutex& mutex) : mutex_(mutex) {
    is_inside = true;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    mutex_.lock();
  }
  ~Lock() {
    mutex_.unlock();
    std::atomic_signal_fence(std::memory_order_seq_cst);
    is_inside = false;
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  const Uncancelled here_;
  std::mutex& mutex_;
};

bool ClockBook::IsNews(uintptr_t reach) const {
  return !is_given_ && (!epoll_ || reach > reach_);
}

void ClockBook::Learn(int epoll, uintptr_t reach) {
  // What was taken for the executor's was nested there, as was all the rest.
  if (epoll_ && *epoll_ != epoll) blocked_ = slept_;
  epoll_ = epoll;
  reach_ = reach;
}

void ClockBook::AddWait(const EpollWait& wait, nanoseconds time) {
  if (wait.epoll == epoll_) waited_ += time;
}

void ClockBook::Settle(nanoseconds wall, const ThreadSleep::Slept& slept) {
  const nanoseconds at_least =
      std::max(slept.at_least - waited_, nanoseconds(0));
  blocked_.at_least += at_least;
  blocked_.at_most +=
      std::max(std::min(slept.at_most, wall - waited_), at_least);
  slept_.at_least += slept.at_least;
  slept_.at_most += slept.at_most;
  waited_ = nanoseconds(0);
}

struct ThreadLedger::Owner {
  ~Owner() {
    if (ledger) ledger->End();
    is_ending = true;
  }
  std::shared_ptr<ThreadLedger> ledger;
};

ThreadLedger::Owner& ThreadLedger::OwnerOfThisThread() {
  static thread_local Owner owner;
  return owner;
}

absl::StatusOr<std::shared_ptr<ThreadLedger>> ThreadLedger::OfThisThread() {
  if (is_ending) {
    return absl::FailedPreconditionError(
        "blocked time: the thread is about to end");
  }
  Owner& owner = OwnerOfThisThread();
  if (owner.ledger && owner.ledger->process_ == getpid()) return owner.ledger;
  std::shared_ptr<ThreadLedger> ledger(new ThreadLedger);
  if (absl::Status status = ledger->Open(); !status.ok()) return status;
  owner.ledger = ledger;
  current = ledger.get();
  return ledger;
}

ThreadLedger* ThreadLedger::OfThisThreadIfUsed() {
  ThreadLedger* const ledger = is_inside ? nullptr : current;
  return ledger != nullptr && ledger->clocks_ > 0 ? ledger : nullptr;
}

bool ThreadLedger::IsOfThisThread() const { return this == current; }

bool ThreadLedger::HasEnded() {
  if (process_ != getpid()) return true;
  const Lock lock(mutex_);
  // A main thread ends without a word (pthread_exit(3) in main()): it is asked.
  if (!has_ended_ && thread_ == process_) Settle().IgnoreError();
  return has_ended_;
}

absl::Status ThreadLedger::Open() {
  process_ = getpid();
  thread_ = gettid();
  absl::StatusOr<ThreadSleep> sleep = ThreadSleep::OfThisThread();
  if (!sleep.ok()) return sleep.status();
  sleep_ = *std::move(sleep);
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    void* begin = nullptr;
    size_t size = 0;
    pthread_attr_getstack(&attributes, &begin, &size);
    pthread_attr_destroy(&attributes);
    stack_begin_ = reinterpret_cast<uintptr_t>(begin);
    stack_end_ = stack_begin_ + size;
  }
  return absl::OkStatus();
}

void ThreadLedger::End() {
  if (process_ != getpid()) return;
  const Lock lock(mutex_);
  Settle().IgnoreError();  // of itself it can be read
  has_ended_ = true;
  current = nullptr;
}

absl::Status ThreadLedger::Add(ClockBook& book) {
  const Lock lock(mutex_);
  if (books_.empty()) {
    const auto now = sleep_->Read(IsOfThisThread());
    if (!now.ok()) return now.status();
    last_ = *now;
    credit_ = {};
    credited_ = last_.wall;
  } else if (absl::Status status = Settle(); !status.ok()) {
    return status;
  }
  book.usage_at_start = last_.usage;
  books_.push_back(&book);
  ++clocks_;
  return absl::OkStatus();
}

void ThreadLedger::Remove(ClockBook& book) {
  if (process_ != getpid()) return;
  const Lock lock(mutex_);
  clocks_ -= static_cast<int>(std::erase(books_, &book));
}

absl::Status ThreadLedger::LockAndSettle(std::optional<Lock>& lock) {
  if (process_ != getpid()) {
    return absl::FailedPreconditionError(
        absl::StrCat("blocked time: thread ", thread_, " is one of process ",
                     process_, ", of which this is a child (fork(2))"));
  }
  lock.emplace(mutex_);
  return Settle();
}

absl::StatusOr<BlockedTime> ThreadLedger::Blocked(ClockBook& book) {
  std::optional<Lock> lock;
  if (absl::Status status = LockAndSettle(lock); !status.ok()) return status;
  return book.blocked();
}

absl::StatusOr<FaultsAndSwitches> ThreadLedger::Usage(ClockBook& book) {
  std::optional<Lock> lock;
  if (absl::Status status = LockAndSettle(lock); !status.ok()) return status;
  return last_.usage - book.usage_at_start;
}

std::optional<EpollWait> ThreadLedger::BeginWait(const EpollWait& wait) {
  const Lock lock(mutex_);
  Learn(wait);
  nanoseconds now = Wall();
  if (MayRead(now)) {
    Settle().IgnoreError();
    now = last_.wall;
  } else {
    AddWaitUntil(now);
  }
  wait_began_ = now;
  return std::exchange(wait_, wait);
}

void ThreadLedger::EndWait(const std::optional<EpollWait>& outer) {
  const Lock lock(mutex_);
  const nanoseconds now = Wall();
  AddWaitUntil(now);
  wait_ = outer;
  if (MayRead(now)) Settle().IgnoreError();
}

void ThreadLedger::Poll(const EpollWait& wait) {
  const Lock lock(mutex_);
  Learn(wait);
}

void ThreadLedger::Learn(const EpollWait& wait) {
  const uintptr_t reach = ReachOf(wait);
  for (ClockBook* book : books_) {
    if (!book->IsNews(reach)) continue;
    Settle().IgnoreError();
    book->Learn(wait.epoll, reach);
  }
}

bool ThreadLedger::IsOnStack(uintptr_t address) const {
  return address >= stack_begin_ && address < stack_end_;
}

// How far out on the thread's stack the caller is: at least as far as the array
// that it has there, which in asio is larger than all frames of a call that is
// made within the loop. 0 of a coroutine with a stack of its own: that runs
// within the loop.
uintptr_t ThreadLedger::ReachOf(const EpollWait& wait) const {
  if (!IsOnStack(wait.frame)) return 0;
  return IsOnStack(wait.events_end) ? std::max(wait.frame, wait.events_end)
                                    : wait.frame;
}

// Books the wait under way, if there is one.
void ThreadLedger::AddWaitUntil(nanoseconds now) {
  if (!wait_) return;
  for (ClockBook* book : books_) book->AddWait(*wait_, now - wait_began_);
  wait_began_ = now;
}

// Ends the interval now, and begins another.
absl::Status ThreadLedger::Settle() {
  if (has_ended_) return absl::OkStatus();
  const auto now = sleep_->Read(IsOfThisThread());
  if (absl::IsNotFound(now.status())) {
    has_ended_ = true;
    return absl::OkStatus();
  }
  if (!now.ok()) return now.status();
  const nanoseconds wall = now->wall - last_.wall;
  const ThreadSleep::Slept slept = ThreadSleep::Between(last_, *now);
  AddWaitUntil(now->wall);
  for (ClockBook* book : books_) book->Settle(wall, slept);
  last_ = *now;
  return absl::OkStatus();
}

bool ThreadLedger::MayRead(nanoseconds now) {
  constexpr nanoseconds kBetweenReadings = microseconds(400);
  constexpr int kBurst = 16;
  credit_ = std::min(credit_ + (now - credited_), kBurst * kBetweenReadings);
  credited_ = now;
  if (credit_ < kBetweenReadings) return false;
  credit_ -= kBetweenReadings;
  return true;
}

}  // namespace pagestall
