#include "lib/probe/blocked_clock.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/file/file.h"
#include "lib/probe/usage.h"

namespace pagestall {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

nanoseconds Now(clockid_t clock) {
  struct timespec time {};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

// What a thread has done with its time so far.
struct Reading {
  nanoseconds wall{0};
  nanoseconds cpu{0};
  nanoseconds queued{0};
  int64_t sleeps = 0;
};

// One thread's time, cut into intervals by readings.
class Ledger {
 public:
  static Ledger& OfThisThread() {
    static thread_local Ledger ledger;
    return ledger;
  }

  absl::Status Open() {
    if (schedstat_ && thread_ == gettid()) return absl::OkStatus();
    absl::StatusOr<File> file =
        File::Open("/proc/thread-self/schedstat", O_RDONLY);
    if (!file.ok()) {
      return absl::UnimplementedError(
          absl::StrCat("blocked time: ", file.status().message(),
                       "; it needs a kernel with CONFIG_SCHED_INFO"));
    }
    schedstat_ = *std::move(file);
    thread_ = gettid();
    return absl::OkStatus();
  }

  bool used() const { return clocks_ > 0; }
  void AddClock() {
    if (clocks_++ > 0) return Settle();
    last_ = Read();
    waited_ = {};
    credit_ = {};
    credited_ = last_.wall;
  }
  void RemoveClock() { --clocks_; }

  void BeginWait() {
    wait_began_ = Now(CLOCK_MONOTONIC);
    if (!MayRead(wait_began_)) return;
    Settle();
    wait_began_ = last_.wall;
  }

  void EndWait() {
    const nanoseconds now = Now(CLOCK_MONOTONIC);
    waited_ += now - wait_began_;
    if (MayRead(now)) Settle();
  }

  // Ends the interval now.
  void Settle() {
    const Reading now = Read();
    const nanoseconds wall = now.wall - last_.wall;
    const nanoseconds sleep =
        now.sleeps == last_.sleeps
            ? nanoseconds(0)
            : wall - (now.cpu - last_.cpu) - (now.queued - last_.queued);
    const nanoseconds at_least = std::max(sleep - waited_, nanoseconds(0));
    total_.at_least += at_least;
    total_.at_most += std::max(std::min(sleep, wall - waited_), at_least);
    last_ = now;
    waited_ = {};
  }

  const BlockedTime& total() const { return total_; }

 private:
  static constexpr nanoseconds kBetweenReadings = microseconds(400);
  static constexpr int kBurst = 16;

  bool MayRead(nanoseconds now) {
    credit_ = std::min(credit_ + (now - credited_), kBurst * kBetweenReadings);
    credited_ = now;
    if (credit_ < kBetweenReadings) return false;
    credit_ -= kBetweenReadings;
    return true;
  }

  // The clocks are read one after another: again, if the thread was interrupted
  // between them.
  Reading Read() const {
    constexpr int kTries = 4;
    constexpr nanoseconds kUndisturbed = microseconds(20);
    Reading reading;
    for (int i = 0; i < kTries; ++i) {
      const nanoseconds begin = Now(CLOCK_MONOTONIC);
      reading.sleeps = FaultsAndSwitches::OfThisThread().voluntary_switches;
      reading.queued = Queued();
      reading.cpu = Now(CLOCK_THREAD_CPUTIME_ID);
      reading.wall = Now(CLOCK_MONOTONIC);
      if (reading.wall - begin < kUndisturbed) break;
    }
    return reading;
  }

  // The second number of the file: nanoseconds in the run queue.
  nanoseconds Queued() const {
    std::array<char, 64> text;
    const ssize_t size =
        pread(schedstat_->fd(), text.data(), text.size() - 1, 0);
    if (size <= 0) return last_.queued;
    text[static_cast<size_t>(size)] = '\0';
    char* second = nullptr;
    std::strtoull(text.data(), &second, 10);
    return nanoseconds(std::strtoull(second, nullptr, 10));
  }

  std::optional<File> schedstat_;
  pid_t thread_ = 0;  // whose it is: another after fork(2)
  int clocks_ = 0;
  BlockedTime total_;

  // Of the interval under way.
  Reading last_;
  nanoseconds waited_{0};  // wall time in epoll_wait()
  nanoseconds wait_began_{0};

  // Time that has passed and was not spent on readings.
  nanoseconds credit_{0};
  nanoseconds credited_{0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<BlockedClock>> BlockedClock::Start() {
  Ledger& ledger = Ledger::OfThisThread();
  if (absl::Status status = ledger.Open(); !status.ok()) return status;
  ledger.AddClock();
  std::unique_ptr<BlockedClock> clock(new BlockedClock);
  clock->start_ = ledger.total();
  return clock;
}

BlockedClock::~BlockedClock() { Ledger::OfThisThread().RemoveClock(); }

BlockedTime BlockedClock::Elapsed() const {
  Ledger& ledger = Ledger::OfThisThread();
  ledger.Settle();
  return ledger.total() - start_;
}

// For epoll_wait(), below, which has no namespace.
class ExecutorsWait {
 public:
  explicit ExecutorsWait(int timeout_ms)
      : ledger_(Ledger::OfThisThread()),
        // With a timeout of 0 it does not sleep.
        counts_(ledger_.used() && timeout_ms != 0) {
    if (counts_) ledger_.BeginWait();
  }
  ~ExecutorsWait() {
    if (!counts_) return;
    const int error = errno;
    ledger_.EndWait();
    errno = error;
  }
  ExecutorsWait(const ExecutorsWait&) = delete;
  ExecutorsWait& operator=(const ExecutorsWait&) = delete;

 private:
  Ledger& ledger_;
  const bool counts_;
};

}  // namespace pagestall

extern "C" int epoll_wait(int epoll, struct epoll_event* events, int most,
                          int timeout_ms) {
  const pagestall::ExecutorsWait wait(timeout_ms);
  return epoll_pwait(epoll, events, most, timeout_ms, nullptr);
}
