#include "lib/file/memory_limits.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/file/control_groups.h"

namespace pagestall {
namespace {

constexpr int kMadvisePopulateWrite = 23;  // not in older libc headers

// What is taken at once, some huge pages.
constexpr uint64_t kStepBytes = uint64_t{4} << 20;

std::optional<uint64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  uint64_t number;
  if (!(file >> word) || !absl::SimpleAtoi(word, &number)) return std::nullopt;
  return number;
}

// The value of a line "MemFree:  123 kB" of /proc/meminfo, 0 where there is
// none.
uint64_t MemInfoBytes(const std::string& wanted) {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    uint64_t kib = 0;
    if (!(file >> kib)) break;
    if (name == wanted) return kib << 10;
    std::getline(file, unit);
  }
  return 0;
}

// A control group that has a limit.
struct Group {
  uint64_t limit;
  uint64_t usage;  // 0: unknown
};

std::vector<Group> OurGroups() {
  std::vector<Group> groups;
  for (const ControlGroup& group : ControlGroups("memory")) {
    const bool unified = group.unified;
    const auto number = [&](const char* name) {
      return ReadNumber(absl::StrCat(group.directory, "/", name));
    };
    const auto limit =  // or "max"
        number(unified ? "memory.max" : "memory.limit_in_bytes");
    const auto usage =
        number(unified ? "memory.current" : "memory.usage_in_bytes");
    if (limit) groups.push_back({*limit, usage.value_or(0)});
  }
  return groups;
}

}  // namespace

uint64_t FreeMemoryBytes() {
  uint64_t least = MemInfoBytes("MemFree:");
  for (const auto& [limit, usage] : OurGroups()) {
    least = std::min(least, limit - std::min(limit, usage));
  }
  return least;
}

uint64_t MachineMemoryBytes() {
  // Not sysconf(3), which does not look whether it was answered.
  struct sysinfo machine {};
  if (sysinfo(&machine) == 0) {
    return uint64_t{machine.totalram} * machine.mem_unit;
  }
  return MemInfoBytes("MemTotal:");
}

uint64_t MemoryLimitBytes() {
  const uint64_t machine = MachineMemoryBytes();
  uint64_t least = machine > 0 ? machine : std::numeric_limits<uint64_t>::max();
  for (const Group& group : OurGroups()) least = std::min(least, group.limit);
  return least;
}

void BackFreeMemory(uint64_t bytes) {
  if (bytes == 0 || bytes > FreeMemoryBytes() / 2) return;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  // A fault for each huge page instead of one for each page.
  madvise(memory, bytes, MADV_HUGEPAGE);
  for (uint64_t done = 0; done < bytes; done += kStepBytes) {
    char* const step = static_cast<char*>(memory) + done;
    const uint64_t size = std::min(bytes - done, kStepBytes);
    if (madvise(step, size, kMadvisePopulateWrite) != 0) break;
    // Where a limit that cannot be seen is met, the kernel takes these pages
    // back instead of looking for a process to kill.
    madvise(step, size, MADV_FREE);
  }
  munmap(memory, bytes);
}

}  // namespace pagestall
