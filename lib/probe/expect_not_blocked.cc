#include "lib/probe/expect_not_blocked.h"

#include "absl/strings/str_format.h"
#include "lib/probe/blocked_clock.h"
#include "lib/probe/usage.h"

namespace pagestall {

std::string BlockedForMoreThan(std::chrono::nanoseconds limit,
                               absl::FunctionRef<void()> body) {
  const auto clock = BlockedClock::Start();
  if (!clock.ok()) return std::string(clock.status().message());
  const FaultsAndSwitches before = FaultsAndSwitches::OfThisThread();
  body();
  const BlockedTime blocked = (*clock)->Elapsed();
  if (blocked.at_least <= limit) return "";
  const FaultsAndSwitches usage = FaultsAndSwitches::OfThisThread() - before;
  return absl::StrFormat(
      "blocked this thread for %.3f ms, more than %.3f ms; page faults: %d "
      "major, %d minor; it went to sleep %d times",
      static_cast<double>(blocked.at_least.count()) / 1e6,
      static_cast<double>(limit.count()) / 1e6, usage.major_faults,
      usage.minor_faults, usage.voluntary_switches);
}

}  // namespace pagestall
