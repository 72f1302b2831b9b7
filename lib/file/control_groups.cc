#include "lib/file/control_groups.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace pagestall {
namespace {

// Where a hierarchy of control groups is mounted.
struct Hierarchy {
  std::string root;       // the group that is mounted
  std::string directory;  // where
  bool unified = false;
  std::vector<std::string> controllers;  // of version 1
};

bool Has(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// As in mountinfo: a space is \040.
std::string Unescaped(absl::string_view path) {
  return absl::StrReplaceAll(
      path,
      {{"\\040", " "}, {"\\011", "\t"}, {"\\012", "\n"}, {"\\134", "\\"}});
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

// The one that was mounted last, which may hide others, first.
std::vector<Hierarchy> Hierarchies(const std::string& process) {
  std::vector<Hierarchy> mounted;
  std::ifstream file(process + "/mountinfo");
  for (std::string line; std::getline(file, line);) {
    // "31 30 0:28 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu"
    const std::pair<std::string, std::string> halves =
        absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    const std::vector<std::string> mount = absl::StrSplit(halves.first, ' ');
    const std::vector<std::string> type = absl::StrSplit(halves.second, ' ');
    if (mount.size() < 5 || type.size() < 3) continue;
    const bool unified = type[0] == "cgroup2";
    if (!unified && type[0] != "cgroup") continue;
    mounted.push_back({.root = Unescaped(mount[3]),
                       .directory = Unescaped(mount[4]),
                       .unified = unified,
                       .controllers = absl::StrSplit(type[2], ',')});
  }
  std::reverse(mounted.begin(), mounted.end());
  return mounted;
}

}  // namespace

std::vector<ControlGroup> ControlGroups(absl::string_view controller,
                                        const std::string& process) {
  std::vector<ControlGroup> groups;
  const std::vector<Hierarchy> hierarchies = Hierarchies(process);
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
    for (const Hierarchy& one : hierarchies) {
      if (one.unified != unified ||
          (!unified && !Has(one.controllers, controller))) {
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
