#include "lib/probe/usage.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <array>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "lib/file/file.h"

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

// What follows `prefix` on the first line of `path` that begins with it.
std::optional<std::string> LineOf(const char* path, absl::string_view prefix) {
  const absl::StatusOr<File> file = File::Open(path, O_RDONLY);
  if (!file.ok()) return std::nullopt;
  std::array<uint8_t, 1024> buffer;  // the lines asked for come early
  const absl::StatusOr<size_t> size = file->Read(absl::MakeSpan(buffer), 0);
  if (!size.ok()) return std::nullopt;
  const absl::string_view text(reinterpret_cast<const char*>(buffer.data()),
                               *size);
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, prefix)) return std::string(line);
  }
  return std::nullopt;
}

std::optional<uint64_t> Number(absl::string_view text) {
  uint64_t number;
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

std::optional<uint64_t> Difference(const std::optional<uint64_t>& after,
                                   const std::optional<uint64_t>& before) {
  if (!after || !before) return std::nullopt;
  return *after - *before;
}

}  // namespace

FaultsAndSwitches FaultsAndSwitches::OfThisThread() {
  return ResourceUsage(RUSAGE_THREAD);
}

FaultsAndSwitches FaultsAndSwitches::OfThisProcess() {
  return ResourceUsage(RUSAGE_SELF);
}

std::optional<uint64_t> DeviceReadBytes() {
  const auto bytes = LineOf("/proc/self/io", "read_bytes: ");
  return bytes ? Number(*bytes) : std::nullopt;
}

SystemUsage SystemUsage::Now() {
  SystemUsage usage;
  if (const auto cpu = LineOf("/proc/stat", "cpu ")) {
    // user nice system idle iowait irq softirq steal; guests' time, which
    // follows, is part of user and nice already.
    constexpr size_t kSteal = 7;
    const std::vector<absl::string_view> fields =
        absl::StrSplit(*cpu, ' ', absl::SkipEmpty());
    if (fields.size() > kSteal) {
      uint64_t sum = 0;
      for (size_t i = 0; i <= kSteal; ++i) sum += Number(fields[i]).value_or(0);
      usage.cpu_ticks = sum;
      usage.steal_ticks = Number(fields[kSteal]);
    }
  }
  if (const auto some = LineOf("/proc/pressure/io", "some ")) {
    const std::vector<std::string> parts = absl::StrSplit(*some, "total=");
    if (parts.size() == 2) usage.io_pressure_us = Number(parts[1]);
  }
  return usage;
}

std::optional<double> SystemUsage::StealPercent() const {
  if (cpu_ticks.value_or(0) == 0 || !steal_ticks) return std::nullopt;
  return 100.0 * static_cast<double>(*steal_ticks) /
         static_cast<double>(*cpu_ticks);
}

Usage Usage::Now() {
  return {.process = FaultsAndSwitches::OfThisProcess(),
          .device_read_bytes = DeviceReadBytes(),
          .system = SystemUsage::Now()};
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
  return difference;
}

Usage operator-(const Usage& after, const Usage& before) {
  return {
      .process = after.process - before.process,
      .device_read_bytes =
          Difference(after.device_read_bytes, before.device_read_bytes),
      .system = after.system - before.system,
  };
}

}  // namespace pagestall
