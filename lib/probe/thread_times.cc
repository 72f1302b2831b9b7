#include "lib/probe/thread_times.h"

#include <unistd.h>

#include "absl/strings/string_view.h"
#include "lib/probe/proc_line.h"

namespace pagestall {
namespace {

constexpr std::chrono::microseconds kWork(100);

}  // namespace

ThreadTimes ThreadTimes::Now(const Process& process) {
  ThreadTimes now;
  for (const pid_t id : process.Threads()) {
    // "<time on a CPU, in ns> <time waiting for one> <time slices>"
    const auto line = ProcLine(process.Path(id, "schedstat"), "");
    if (!line) continue;  // it has ended meanwhile
    const auto ns =
        ProcNumber(absl::string_view(*line).substr(0, line->find(' ')));
    if (ns) now.times_[id] = std::chrono::nanoseconds(*ns);
  }
  return now;
}

std::optional<size_t> ThreadTimes::OthersSince(
    const ThreadTimes& before) const {
  if (times_.empty() || before.times_.empty()) return std::nullopt;
  size_t count = 0;
  for (const auto& [id, time] : times_) {
    if (id == gettid()) continue;
    const auto then = before.times_.find(id);
    // With less time than before it is another thread of the same number.
    if (then == before.times_.end() || time < then->second ||
        time - then->second >= kWork) {
      ++count;
    }
  }
  return count;
}

}  // namespace pagestall
