#include "lib/probe/executor_probe.h"

#include <utility>

#include "absl/strings/str_format.h"

namespace pagestall {
namespace {

double Milliseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

}  // namespace

std::string ExecutorReport::ToString() const {
  const std::string blocked_for =
      blocked.ok() ? absl::StrFormat("%.1f ms", Milliseconds(blocked->at_least))
                   : std::string(blocked.status().message());
  return absl::StrFormat(
      "in %.1f ms: blocked %s; stalled %.1f %%, late p50 %.3f ms, p99 %.3f ms, "
      "p99.9 %.3f ms, max %.3f ms; faults %d major, %d minor; switches %d "
      "voluntary, %d involuntary",
      Milliseconds(stalls.window), blocked_for, stalls.StalledPercent(),
      Milliseconds(stalls.Quantile(0.5)), Milliseconds(stalls.Quantile(0.99)),
      Milliseconds(stalls.Quantile(0.999)), Milliseconds(stalls.Quantile(1)),
      thread.major_faults, thread.minor_faults, thread.voluntary_switches,
      thread.involuntary_switches);
}

void ExecutorProbe::Start() {
  thread_ = FaultsAndSwitches::OfThisThread();
  stalls_.Start();
  clock_ = BlockedClock::Start();
}

ExecutorReport ExecutorProbe::Take() { return Report(stalls_.Take()); }

ExecutorReport ExecutorProbe::Stop() { return Report(stalls_.Stop()); }

ExecutorReport ExecutorProbe::Report(Stalls stalls) {
  ExecutorReport report;
  report.stalls = std::move(stalls);
  if (clock_.ok()) {
    const BlockedTime now = (*clock_)->Elapsed();
    report.blocked = now - blocked_;
    blocked_ = now;
  } else {
    report.blocked = clock_.status();
  }
  const FaultsAndSwitches now = FaultsAndSwitches::OfThisThread();
  report.thread = now - thread_;
  thread_ = now;
  return report;
}

}  // namespace pagestall
