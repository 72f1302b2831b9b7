#include "lib/probe/usage.h"

#include <signal.h>
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
#include "lib/file/errno_status.h"
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

std::chrono::microseconds OwnCpuTime() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return Time(usage.ru_utime) + Time(usage.ru_stime);
}

// A line of proc_pid_stat(5), of a process or of one of its threads.
class Stat {
 public:
  explicit Stat(const std::string& path) {
    // The name may hold anything, also a ')' and a newline.
    const std::string line = ProcText(path).value_or("");
    const size_t name_end = std::min(line.rfind(')'), line.size());
    fields_ = absl::StrSplit(line.substr(name_end), ' ');
  }

  bool known() const { return fields_.size() > kSystemTime; }
  // A main thread that has ended stays as a zombie.
  bool is_dead() const {
    return fields_.size() > 1 && (fields_[1] == "Z" || fields_[1] == "X");
  }
  int64_t minor_faults() const { return Number(kMinor); }
  int64_t major_faults() const { return Number(kMajor); }
  std::chrono::microseconds cpu_time() const {
    static const int64_t ticks_per_second = sysconf(_SC_CLK_TCK);
    return std::chrono::microseconds((Number(kUserTime) + Number(kSystemTime)) *
                                     1'000'000 / ticks_per_second);
  }

 private:
  // The third field comes right after the name.
  static constexpr size_t kMinor = 8;
  static constexpr size_t kMajor = 10;
  static constexpr size_t kUserTime = 12;
  static constexpr size_t kSystemTime = 13;

  int64_t Number(size_t field) const {
    return static_cast<int64_t>(ProcNumber(fields_[field]).value_or(0));
  }

  std::vector<std::string> fields_;
};

// Why a file of a thread or process that is there has not told.
absl::Status NotReadable(const Process& process, const std::string& what) {
  const std::string tasks = process.tasks();
  return access(tasks.c_str(), F_OK) == 0
             ? absl::UnavailableError(
                   absl::StrCat(what, "cannot read ", tasks,
                                "; raise the limit of open files (ulimit -n)"))
             : absl::UnimplementedError(absl::StrCat(what, "no ", tasks));
}

absl::StatusOr<Stat> StatOf(const Process& process) {
  Stat stat(process.Path("stat"));
  const std::string what =
      absl::StrCat("usage of process ", process.id(), ": ");
  if (stat.is_dead() || (kill(process.id(), 0) == -1 && errno == ESRCH)) {
    return absl::NotFoundError(what + "it has ended");
  }
  if (!stat.known()) return NotReadable(process, what);
  return stat;
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

absl::StatusOr<FaultsAndSwitches> FaultsAndSwitches::OfThread(
    pid_t thread, const Process& process) {
  if (process.is_this() && thread == gettid()) return OfThisThread();
  const auto number = [&](absl::string_view name) {
    const auto line = ProcLine(process.Path(thread, "status"), name);
    return line ? ProcNumber(*line) : std::nullopt;
  };
  const Stat stat(process.Path(thread, "stat"));
  const auto voluntary = number("voluntary_ctxt_switches:\t");
  const auto involuntary = number("nonvoluntary_ctxt_switches:\t");
  const std::string what =
      absl::StrCat("faults and switches of thread ", thread, ": ");
  if (stat.is_dead() ||
      (syscall(SYS_tgkill, process.id(), thread, 0) == -1 && errno == ESRCH)) {
    return absl::NotFoundError(what + "it has ended");
  }
  if (!stat.known() || !voluntary || !involuntary) {
    return NotReadable(process, what);
  }
  return FaultsAndSwitches{
      .major_faults = stat.major_faults(),
      .minor_faults = stat.minor_faults(),
      .voluntary_switches = static_cast<int64_t>(*voluntary),
      .involuntary_switches = static_cast<int64_t>(*involuntary)};
}

absl::StatusOr<FaultsAndSwitches> FaultsAndSwitches::OfProcess(
    const Process& process) {
  if (process.is_this()) return ResourceUsage(RUSAGE_SELF);
  const absl::StatusOr<Stat> stat = StatOf(process);
  if (!stat.ok()) return stat.status();
  FaultsAndSwitches sum;
  for (const pid_t thread : process.Threads()) {
    const auto its = OfThread(thread, process);
    if (its.ok()) {
      sum = sum + *its;
    } else if (!absl::IsNotFound(its.status())) {
      return its.status();
    }
  }
  sum.major_faults = stat->major_faults();
  sum.minor_faults = stat->minor_faults();
  return sum;
}

absl::Status CheckUsageKnown() {
  struct rusage usage {};
  if (getrusage(RUSAGE_SELF, &usage) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "getrusage", "",
                     "a sandbox that forbids it hides CPU time and faults");
}

std::optional<uint64_t> DeviceReadBytes(const Process& process) {
  const auto bytes = ProcLine(
      process.is_this() ? "/proc/self/io" : process.Path("io"), "read_bytes: ");
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

absl::StatusOr<std::chrono::microseconds> ProcessCpuTime(
    const Process& process) {
  if (process.is_this()) return OwnCpuTime();
  const absl::StatusOr<Stat> stat = StatOf(process);
  if (!stat.ok()) return stat.status();
  return stat->cpu_time();
}

Usage Usage::Now() {
  return {.process = ResourceUsage(RUSAGE_SELF),
          .cpu_time = OwnCpuTime(),
          .device_read_bytes = DeviceReadBytes(),
          .system = SystemUsage::Now()};
}

absl::StatusOr<Usage> Usage::Of(const Process& process) {
  const auto counted = FaultsAndSwitches::OfProcess(process);
  if (!counted.ok()) return counted.status();
  const auto cpu_time = ProcessCpuTime(process);
  if (!cpu_time.ok()) return cpu_time.status();
  return Usage{.process = *counted,
               .cpu_time = *cpu_time,
               .device_read_bytes = DeviceReadBytes(process),
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
