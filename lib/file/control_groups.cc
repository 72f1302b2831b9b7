#include "lib/file/control_groups.h"

#include <algorithm>
#include <fstream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/file/mounts.h"

namespace pagestall {
namespace {

bool Has(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What is left of a group's path below `root`, if it is that or below it.
std::optional<std::string> Below(absl::string_view root,
                                 absl::string_view path) {
  absl::ConsumeSuffix(&root, "/");
  if (!absl::ConsumePrefix(&path, root)) return std::nullopt;
  absl::ConsumeSuffix(&path, "/");
  if (!path.empty() && path[0] != '/') return std::nullopt;
  return std::string(path);
}

}  // namespace

std::vector<ControlGroup> ControlGroups(absl::string_view controller,
                                        const std::string& process) {
  std::vector<ControlGroup> groups;
  std::vector<MountLine> mounts = ReadMounts(process);
  std::reverse(mounts.begin(), mounts.end());
  std::ifstream file(process + "/cgroup");
  for (std::string line; std::getline(file, line);) {
    // hierarchy:controllers:path
    const std::vector<std::string> part =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (part.size() != 3) continue;
    const bool unified = part[1].empty();
    if (!unified && !Has(absl::StrSplit(part[1], ','), controller)) continue;
    // "/.." is outside of what this process can see.
    if (absl::StrContains(part[2], "/..")) continue;
    // The one that was mounted last, which may hide others.
    for (const MountLine& one : mounts) {
      if (one.filesystem != (unified ? "cgroup2" : "cgroup") ||
          (!unified &&
           !Has(absl::StrSplit(one.filesystem_options, ','), controller))) {
        continue;
      }
      // Only a part may be mounted, as in a container.
      const std::optional<std::string> below = Below(one.root, part[2]);
      if (!below) continue;
      absl::string_view path = *below;
      while (true) {
        groups.push_back({absl::StrCat(one.directory, path), unified});
        if (path.empty()) break;
        path = path.substr(0, path.rfind('/'));
      }
      break;
    }
  }
  return groups;
}

}  // namespace pagestall
