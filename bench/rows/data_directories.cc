#include "bench/rows/data_directories.h"

#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"

namespace pagestall {
namespace {

std::vector<std::string> SplitAtCommas(absl::string_view list) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < list.size(); ++i) {
    if (list.substr(i, 2) == "\\,") {
      parts.back() += list[++i];
    } else if (list[i] == ',') {
      parts.emplace_back();
    } else {
      parts.back() += list[i];
    }
  }
  return parts;
}

std::string RealPath(const std::string& path) {
  std::error_code error;
  std::filesystem::path real = std::filesystem::weakly_canonical(
      std::filesystem::absolute(path, error), error);
  if (!real.has_filename()) real = real.parent_path();
  return error ? path : real.string();
}

// "/mnt/My-Disk/" -> "my_disk"
std::string LabelOf(const std::string& path) {
  std::error_code error;
  std::filesystem::path normal =
      std::filesystem::absolute(path, error).lexically_normal();
  if (!normal.has_filename()) normal = normal.parent_path();
  std::string label;
  for (const char c : normal.filename().string()) {
    label += absl::ascii_isalnum(c) ? absl::ascii_tolower(c) : '_';
  }
  return label.empty() ? "root" : label;
}

// Also where one file system is mounted twice.
bool IsSame(const DataDirectory& a, const DataDirectory& b) {
  std::error_code error;
  return a.real_path == b.real_path ||
         std::filesystem::equivalent(a.path, b.path, error);
}

}  // namespace

absl::StatusOr<std::vector<DataDirectory>> ParseDataDirectories(
    absl::string_view flag) {
  std::vector<DataDirectory> directories;
  for (const std::string& path : SplitAtCommas(flag)) {
    if (path.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--data_dir=", QuotedPath(flag),
          ": must name a directory, or several with a comma between two"));
    }
    const DataDirectory directory{
        .path = path, .real_path = RealPath(path), .label = ""};
    for (const DataDirectory& other : directories) {
      if (IsSame(directory, other)) {
        return absl::InvalidArgumentError(
            absl::StrCat("--data_dir: ", QuotedPath(path), " and ",
                         QuotedPath(other.path), " are one directory"));
      }
    }
    directories.push_back(directory);
  }
  if (directories.size() == 1) return directories;
  std::set<std::string> labels;
  for (DataDirectory& directory : directories) {
    const std::string name = LabelOf(directory.path);
    directory.label = name;
    for (int number = 2; !labels.insert(directory.label).second; ++number) {
      directory.label = absl::StrCat(name, "_", number);
    }
  }
  return directories;
}

}  // namespace pagestall
