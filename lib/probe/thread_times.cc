#include "lib/probe/thread_times.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "lib/probe/proc_line.h"

namespace pagestall {
namespace {

constexpr std::chrono::microseconds kWork(100);

}  // namespace

ThreadTimes ThreadTimes::Now(const Process& process) {
  ThreadTimes now;
  std::error_code error;
  for (std::filesystem::directory_iterator task(process.tasks(), error), end;
       !error && task != end; task.increment(error)) {
    pid_t id;
    if (!absl::SimpleAtoi(task->path().filename().string(), &id)) continue;
    // "<time on a CPU, in ns> <time waiting for one> <time slices>"
    const auto line = ProcLine((task->path() / "schedstat").string(), "");
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
