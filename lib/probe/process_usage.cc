#include "lib/probe/process_usage.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/file/file.h"

namespace pagestall {
namespace {

std::optional<uint64_t> DeviceReadBytes() {
  absl::StatusOr<File> file = File::Open("/proc/self/io", O_RDONLY);
  if (!file.ok()) return std::nullopt;
  std::array<uint8_t, 1024> buffer;
  const absl::StatusOr<size_t> size = file->Read(absl::MakeSpan(buffer), 0);
  if (!size.ok()) return std::nullopt;
  const absl::string_view text(reinterpret_cast<const char*>(buffer.data()),
                               *size);
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    uint64_t bytes;
    if (absl::ConsumePrefix(&line, "read_bytes: ") &&
        absl::SimpleAtoi(line, &bytes)) {
      return bytes;
    }
  }
  return std::nullopt;
}

}  // namespace

ProcessUsage ProcessUsage::Now() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return {.major_faults = usage.ru_majflt,
          .minor_faults = usage.ru_minflt,
          .voluntary_switches = usage.ru_nvcsw,
          .device_read_bytes = DeviceReadBytes()};
}

ProcessUsage operator-(const ProcessUsage& after, const ProcessUsage& before) {
  ProcessUsage difference;
  difference.major_faults = after.major_faults - before.major_faults;
  difference.minor_faults = after.minor_faults - before.minor_faults;
  difference.voluntary_switches =
      after.voluntary_switches - before.voluntary_switches;
  if (after.device_read_bytes && before.device_read_bytes) {
    difference.device_read_bytes =
        *after.device_read_bytes - *before.device_read_bytes;
  }
  return difference;
}

}  // namespace pagestall
