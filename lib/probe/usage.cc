#include "lib/probe/usage.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/probe/cpu_limit.h"
#include "lib/probe/proc_line.h"

namespace pagestall {
namespace {

FaultsAndSwitches ResourceUsage(int who) {
  struct rusage usage {};
  getrusage(who, &usage);
  return {.major_faults = usage.ru_majflt,
          .minor_faults = usage.ru_minflt,
          .voluntary_switches = usage.ru_nvcsw,
          .involuntary_switches = usage.ru_nivcsw};
}

std::chrono::microseconds Time(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::microseconds(time.tv_usec);
}

}  // namespace

std::optional<uint64_t> Difference(const std::optional<uint64_t>& after,
                                   const std::optional<uint64_t>& before) {
  if (!after || !before || *after < *before) return std::nullopt;
  return *after - *before;
}

FaultsAndSwitches FaultsAndSwitches::OfThisThread() {
  return ResourceUsage(RUSAGE_THREAD);
}

absl::StatusOr<FaultsAndSwitches> FaultsAndSwitches::OfThread(pid_t thread) {
  if (thread == gettid()) return OfThisThread();
  const std::string directory = absl::StrCat("/proc/self/task/", thread);
  const auto number = [&](absl::string_view name) {
    const auto line = ProcLine(directory + "/status", name);
    return line ? ProcNumber(*line) : std::nullopt;
  };
  // The name may hold anything, also a ')'.
  const std::string line = ProcLine(directory + "/stat", "").value_or("");
  const size_t name_end = std::min(line.rfind(')'), line.size());
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(line).substr(name_end), ' ');
  constexpr size_t kMinor = 8;
  constexpr size_t kMajor = 10;
  const auto voluntary = number("voluntary_ctxt_switches:\t");
  const auto involuntary = number("nonvoluntary_ctxt_switches:\t");
  const std::string what =
      absl::StrCat("faults and switches of thread ", thread, ": ");
  // A main thread that has ended stays as a zombie.
  const bool is_dead =
      fields.size() > 1 && (fields[1] == "Z" || fields[1] == "X");
  if (is_dead ||
      (syscall(SYS_tgkill, getpid(), thread, 0) == -1 && errno == ESRCH)) {
    return absl::NotFoundError(what + "it has ended");
  }
  if (fields.size() <= kMajor || !voluntary || !involuntary) {
    return access("/proc/self/task", F_OK) == 0
               ? absl::UnavailableError(absl::StrCat(
                     what, "cannot read ", directory,
                     "; raise the limit of open files (ulimit -n)"))
               : absl::UnimplementedError(what + "no /proc/self/task");
  }
  const auto field = [&](size_t index) {
    return static_cast<int64_t>(ProcNumber(fields[index]).value_or(0));
  };
  return FaultsAndSwitches{
      .major_faults = field(kMajor),
      .minor_faults = field(kMinor),
      .voluntary_switches = static_cast<int64_t>(*voluntary),
      .involuntary_switches = static_cast<int64_t>(*involuntary)};
}

FaultsAndSwitches FaultsAndSwitches::OfThisProcess() {
  return ResourceUsage(RUSAGE_SELF);
}

std::optional<uint64_t> DeviceReadBytes() {
  const auto bytes = ProcLine("/proc/self/io", "read_bytes: ");
  return bytes ? ProcNumber(*bytes) : std::nullopt;
}

SystemUsage SystemUsage::Now() {
  SystemUsage usage;
  if (const auto cpu = ProcLine("/proc/stat", "cpu ")) {
    // user nice system idle iowait irq softirq steal; guests' time, which
    // follows, is part of user and nice already.
    constexpr size_t kSteal = 7;
    const std::vector<absl::string_view> fields =
        absl::StrSplit(*cpu, ' ', absl::SkipEmpty());
    if (fields.size() > kSteal) {
      uint64_t sum = 0;
      for (size_t i = 0; i <= kSteal; ++i) {
        sum += ProcNumber(fields[i]).value_or(0);
      }
      usage.cpu_ticks = sum;
      usage.steal_ticks = ProcNumber(fields[kSteal]);
    }
  }
  if (const auto some = ProcLine("/proc/pressure/io", "some ")) {
    const std::vector<std::string> parts = absl::StrSplit(*some, "total=");
    if (parts.size() == 2) usage.io_pressure_us = ProcNumber(parts[1]);
  }
  if (const auto throttled = ThrottledTime()) {
    usage.throttled_us = static_cast<uint64_t>(throttled->count());
  }
  return usage;
}

std::optional<double> SystemUsage::StealPercent() const {
  if (cpu_ticks.value_or(0) == 0 || !steal_ticks) return std::nullopt;
  return 100.0 * static_cast<double>(*steal_ticks) /
         static_cast<double>(*cpu_ticks);
}

std::chrono::microseconds ProcessCpuTime() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return Time(usage.ru_utime) + Time(usage.ru_stime);
}

Usage Usage::Now() {
  return {.process = FaultsAndSwitches::OfThisProcess(),
          .cpu_time = ProcessCpuTime(),
          .device_read_bytes = DeviceReadBytes(),
          .system = SystemUsage::Now()};
}

FaultsAndSwitches operator+(const FaultsAndSwitches& one,
                            const FaultsAndSwitches& other) {
  return {
      .major_faults = one.major_faults + other.major_faults,
      .minor_faults = one.minor_faults + other.minor_faults,
      .voluntary_switches = one.voluntary_switches + other.voluntary_switches,
      .involuntary_switches =
          one.involuntary_switches + other.involuntary_switches,
  };
}

FaultsAndSwitches operator-(const FaultsAndSwitches& after,
                            const FaultsAndSwitches& before) {
  return {
      .major_faults = after.major_faults - before.major_faults,
      .minor_faults = after.minor_faults - before.minor_faults,
      .voluntary_switches =
          after.voluntary_switches - before.voluntary_switches,
      .involuntary_switches =
          after.involuntary_switches - before.involuntary_switches,
  };
}

SystemUsage operator-(const SystemUsage& after, const SystemUsage& before) {
  SystemUsage difference;
  difference.cpu_ticks = Difference(after.cpu_ticks, before.cpu_ticks);
  difference.steal_ticks = Difference(after.steal_ticks, before.steal_ticks);
  difference.io_pressure_us =
      Difference(after.io_pressure_us, before.io_pressure_us);
  difference.throttled_us = Difference(after.throttled_us, before.throttled_us);
  return difference;
}

Usage operator-(const Usage& after, const Usage& before) {
  return {
      .process = after.process - before.process,
      .cpu_time = after.cpu_time - before.cpu_time,
      .device_read_bytes =
          Difference(after.device_read_bytes, before.device_read_bytes),
      .system = after.system - before.system,
  };
}

}  // namespace pagestall
