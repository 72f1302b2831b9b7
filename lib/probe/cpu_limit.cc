#include "lib/probe/cpu_limit.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/file/control_groups.h"
#include "lib/probe/proc_line.h"

namespace pagestall {
namespace {

std::optional<uint64_t> Number(const std::string& path) {
  const auto line = ProcLine(path, "");
  return line ? ProcNumber(*line) : std::nullopt;
}

std::optional<double> LimitOf(const ControlGroup& group) {
  std::optional<uint64_t> quota;
  std::optional<uint64_t> period;
  if (group.unified) {  // "50000 100000", or "max 100000"
    const auto line = ProcLine(group.directory + "/cpu.max", "");
    const std::pair<absl::string_view, absl::string_view> words =
        absl::StrSplit(line ? *line : "", absl::MaxSplits(' ', 1));
    quota = ProcNumber(words.first);
    period = ProcNumber(words.second);
  } else {  // -1: none
    quota = Number(group.directory + "/cpu.cfs_quota_us");
    period = Number(group.directory + "/cpu.cfs_period_us");
  }
  if (!quota || period.value_or(0) == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// Found once: a window begins and ends with what has been used of them, and
// their files take longer to find than to read.
const std::vector<ControlGroup>& Groups() {
  static const std::vector<ControlGroup>& groups =
      *new std::vector<ControlGroup>(ControlGroups("cpu"));
  return groups;
}

}  // namespace

std::optional<double> CpuLimit() {
  std::optional<double> least;
  for (const ControlGroup& group : Groups()) {
    if (const auto cpus = LimitOf(group)) {
      least = std::min(*cpus, least.value_or(*cpus));
    }
  }
  return least;
}

std::optional<std::chrono::microseconds> ThrottledTime() {
  std::optional<std::chrono::microseconds> sum;
  for (const ControlGroup& group : Groups()) {
    const auto line =
        ProcLine(group.directory + "/cpu.stat",
                 group.unified ? "throttled_usec " : "throttled_time ");
    const auto time = line ? ProcNumber(*line) : std::nullopt;
    if (!time) continue;
    sum = sum.value_or(std::chrono::microseconds()) +
          std::chrono::microseconds(group.unified ? *time : *time / 1000);
  }
  return sum;
}

}  // namespace pagestall
