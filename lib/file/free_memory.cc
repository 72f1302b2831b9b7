#include "lib/file/free_memory.h"

#include <sys/mman.h>

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

// What a control group and those above it leave, as far as they are visible:
// `directory` is a folder below `root`.
uint64_t Headroom(const std::string& root, std::string directory,
                  const char* limit_name, const char* usage_name) {
  uint64_t least = UINT64_MAX;
  while (true) {
    const std::string folder = absl::StrCat(root, directory, "/");
    const auto limit = ReadNumber(folder + limit_name);  // or "max"
    const auto usage = ReadNumber(folder + usage_name);
    if (limit && usage) {
      least = std::min(least, *limit - std::min(*limit, *usage));
    }
    if (directory.empty()) return least;
    directory.resize(directory.rfind('/'));
  }
}

uint64_t GroupHeadroom() {
  uint64_t least = UINT64_MAX;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // hierarchy:controllers:path
    const std::vector<std::string> part =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (part.size() != 3) continue;
    const std::string path = part[2] == "/" ? "" : part[2];
    if (part[1].empty()) {
      least = std::min(least, Headroom("/sys/fs/cgroup", path, "memory.max",
                                       "memory.current"));
    } else if (part[1] == "memory") {
      least = std::min(
          least, Headroom("/sys/fs/cgroup/memory", path,
                          "memory.limit_in_bytes", "memory.usage_in_bytes"));
    }
  }
  return least;
}

}  // namespace

uint64_t FreeMemoryBytes() { return std::min(MemFreeBytes(), GroupHeadroom()); }

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
