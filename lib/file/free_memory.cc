#include "lib/file/free_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pagestall {
namespace {

constexpr int kMadvisePopulateWrite = 23;  // not in older libc headers

std::optional<uint64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  uint64_t number;
  if (!(file >> word) || !absl::SimpleAtoi(word, &number)) return std::nullopt;
  return number;
}

// The value of a line "MemFree:  123 kB" of /proc/meminfo.
uint64_t MemFreeBytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    uint64_t kib = 0;
    if (!(file >> kib)) break;
    if (name == "MemFree:") return kib << 10;
    std::getline(file, unit);
  }
  return 0;
}

// A control group that has a limit.
struct Group {
  uint64_t limit;
  uint64_t usage;
};

// Adds a group and those above it, as far as they are visible: `directory` is a
// folder below `root`.
void AddGroups(const std::string& root, std::string directory,
               const char* limit_name, const char* usage_name,
               std::vector<Group>& groups) {
  while (true) {
    const std::string folder = absl::StrCat(root, directory, "/");
    const auto limit = ReadNumber(folder + limit_name);  // or "max"
    const auto usage = ReadNumber(folder + usage_name);
    if (limit && usage) groups.push_back({*limit, *usage});
    if (directory.empty()) return;
    directory.resize(directory.rfind('/'));
  }
}

std::vector<Group> OurGroups() {
  std::vector<Group> groups;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // hierarchy:controllers:path
    const std::vector<std::string> part =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (part.size() != 3) continue;
    const std::string path = part[2] == "/" ? "" : part[2];
    if (part[1].empty()) {
      AddGroups("/sys/fs/cgroup", path, "memory.max", "memory.current", groups);
    } else if (part[1] == "memory") {
      AddGroups("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes",
                "memory.usage_in_bytes", groups);
    }
  }
  return groups;
}

}  // namespace

uint64_t FreeMemoryBytes() {
  uint64_t least = MemFreeBytes();
  for (const auto& [limit, usage] : OurGroups()) {
    least = std::min(least, limit - std::min(limit, usage));
  }
  return least;
}

uint64_t MemoryLimitBytes() {
  uint64_t least =
      uint64_t{1} * sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
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
  madvise(memory, bytes, kMadvisePopulateWrite);
  munmap(memory, bytes);
}

}  // namespace pagestall
