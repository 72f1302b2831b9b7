#include "lib/probe/thread_sleep.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/kernel_version.h"

namespace pagestall {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

std::optional<nanoseconds> TimeOf(clockid_t clock) {
  struct timespec time {};
  if (clock_gettime(clock, &time) != 0) return std::nullopt;
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

absl::Status NoSchedstat(const absl::Status& why) {
  return absl::UnimplementedError(
      absl::StrCat("blocked time: ", why.message(),
                   "; it needs a kernel with CONFIG_SCHED_INFO"));
}

}  // namespace

absl::StatusOr<ThreadSleep> ThreadSleep::OfThisThread() {
  absl::StatusOr<File> file =
      File::Open("/proc/thread-self/schedstat", O_RDONLY);
  if (!file.ok()) return NoSchedstat(file.status());
  ThreadSleep sleep(gettid(), Process(), *std::move(file));
  clockid_t clock;
  pthread_getcpuclockid(pthread_self(), &clock);
  sleep.cpu_clock_ = clock;
  return sleep;
}

absl::StatusOr<ThreadSleep> ThreadSleep::Of(pid_t thread,
                                            const Process& process) {
  absl::StatusOr<File> file =
      File::Open(process.Path(thread, "schedstat"), O_RDONLY);
  if (file.ok()) return ThreadSleep(thread, process, *std::move(file));
  const absl::Status usage =
      FaultsAndSwitches::OfThread(thread, process).status();
  return usage.ok() ? NoSchedstat(file.status()) : usage;
}

// The clocks are read one after another: again, if the thread was interrupted
// between them.
absl::StatusOr<ThreadSleep::Reading> ThreadSleep::Read(bool by_itself) const {
  constexpr int kTries = 4;
  constexpr nanoseconds kUndisturbed = microseconds(20);
  Reading reading;
  reading.by_itself = by_itself;
  if (!by_itself) {
    auto usage = FaultsAndSwitches::OfThread(thread_, process_);
    if (!usage.ok()) return usage.status();
    reading.usage = *usage;
  }
  for (int i = 0; i < kTries; ++i) {
    const nanoseconds begin = *TimeOf(CLOCK_MONOTONIC);
    if (by_itself) reading.usage = FaultsAndSwitches::OfThisThread();
    const absl::StatusOr<Scheduled> scheduled = ReadSchedstat();
    if (!scheduled.ok()) return scheduled.status();
    const auto cpu = cpu_clock_ ? TimeOf(*cpu_clock_) : scheduled->cpu;
    if (!cpu) return Ended();
    reading.queued = scheduled->queued;
    reading.cpu = *cpu;
    reading.wall = *TimeOf(CLOCK_MONOTONIC);
    if (reading.wall - begin < kUndisturbed) break;
  }
  return reading;
}

ThreadSleep::Slept ThreadSleep::Between(const Reading& before,
                                        const Reading& after,
                                        bool queues_sleepers) {
  // A thread that another has found asleep, need not have gone to sleep since.
  const bool has_slept =
      after.usage.voluntary_switches != before.usage.voluntary_switches ||
      !before.by_itself;
  if (!has_slept) return {};
  const nanoseconds wall = after.wall - before.wall;
  const nanoseconds off_cpu = wall - (after.cpu - before.cpu);
  const nanoseconds queued = after.queued - before.queued;
  const auto bounded = [wall](nanoseconds time) {
    return std::clamp(time, nanoseconds(0), wall);
  };
  return {.at_least = bounded(off_cpu - queued),
          .at_most = bounded(queues_sleepers ? off_cpu : off_cpu - queued)};
}

bool ThreadSleep::KernelQueuesSleepers() {
  static const std::pair<int, int> version = KernelVersion();
  return version == std::pair(0, 0) || version >= std::pair(6, 12);
}

absl::Status ThreadSleep::Ended() const {
  return absl::NotFoundError(
      absl::StrCat("blocked time: thread ", thread_, " has ended"));
}

// "<on a CPU> <in the run queue> <time slices>", in nanoseconds.
absl::StatusOr<ThreadSleep::Scheduled> ThreadSleep::ReadSchedstat() const {
  std::array<char, 64> text;
  const ssize_t size = pread(schedstat_.fd(), text.data(), text.size() - 1, 0);
  if (size == -1 && errno == ESRCH) return Ended();
  if (size <= 0) {
    return ErrnoStatus(size == 0 ? EIO : errno, "blocked time: read",
                       process_.Path(thread_, "schedstat"));
  }
  text[static_cast<size_t>(size)] = '\0';
  char* second = nullptr;
  const nanoseconds cpu(std::strtoull(text.data(), &second, 10));
  return Scheduled{.cpu = cpu,
                   .queued = nanoseconds(std::strtoull(second, nullptr, 10))};
}

}  // namespace pagestall
