#include "lib/file/control_groups.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pagestall {
namespace {

constexpr char kRoot[] = "/sys/fs/cgroup";

}  // namespace

std::vector<ControlGroup> ControlGroups(absl::string_view controller) {
  std::vector<ControlGroup> groups;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // hierarchy:controllers:path
    const std::vector<std::string> part =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (part.size() != 3) continue;
    const bool unified = part[1].empty();
    const std::vector<absl::string_view> its = absl::StrSplit(part[1], ',');
    if (!unified &&
        std::find(its.begin(), its.end(), controller) == its.end()) {
      continue;
    }
    const std::string root =
        unified ? kRoot : absl::StrCat(kRoot, "/", controller);
    std::string path = part[2] == "/" ? "" : part[2];
    while (true) {
      groups.push_back({absl::StrCat(root, path), unified});
      if (path.empty()) break;
      path.resize(path.rfind('/'));
    }
  }
  return groups;
}

}  // namespace pagestall
