#include "lib/probe/expect_not_blocked.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/probe/blocked_clock.h"
#include "lib/probe/milliseconds.h"

namespace pagestall {
namespace {

std::string FaultsAndSleeps(const absl::StatusOr<FaultsAndSwitches>& usage) {
  if (!usage.ok()) return std::string(usage.status().message());
  return absl::StrFormat(
      "page faults: %d major, %d minor; it went to sleep %d times",
      usage->major_faults, usage->minor_faults, usage->voluntary_switches);
}

}  // namespace

std::string BlockedForMoreThan(std::chrono::nanoseconds limit,
                               absl::FunctionRef<void()> body, const char* file,
                               int line) {
  const auto clock = BlockedClock::Start();
  if (!clock.ok()) return std::string(clock.status().message());
  body();
  const absl::StatusOr<BlockedTime> blocked = (*clock)->Elapsed();
  if (!blocked.ok()) return std::string(blocked.status().message());
  if (blocked->at_most <= limit) return "";
  const std::string counts = FaultsAndSleeps((*clock)->Usage());
  if (blocked->at_least > limit) {
    return absl::StrFormat(
        "blocked this thread for %.3f ms, more than %.3f ms; %s",
        Milliseconds(blocked->at_least), Milliseconds(limit), counts);
  }
  std::cerr << absl::StrFormat(
                   "%swarning: may have blocked this thread for more than %.3f "
                   "ms: for %.3f ms at least, %.3f ms at most; %s",
                   file != nullptr ? absl::StrCat(file, ":", line, ": ") : "",
                   Milliseconds(limit), Milliseconds(blocked->at_least),
                   Milliseconds(blocked->at_most), counts)
            << std::endl;
  return "";
}

}  // namespace pagestall
