#include "bench/rows/storage_context.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fixtures/cache/storage_chain.h"
#include "fixtures/machine/mount.h"
#include "fixtures/read_ahead/read_ahead_file.h"
#include "lib/probe/proc_line.h"

namespace pagestall {
namespace {

constexpr char kUnknown[] = "unknown";

// "[mq-deadline] none" -> "mq-deadline"
std::string Chosen(const std::string& list) {
  const size_t open = list.find('[');
  const size_t close = list.find(']');
  if (open == std::string::npos || close == std::string::npos) return list;
  return list.substr(open + 1, close - open - 1);
}

// Of the file system's own device, which need not be the disk (btrfs).
std::string ReadAhead(const std::string& directory) {
  const absl::StatusOr<std::string> file = FindReadAheadFile(directory);
  if (!file.ok()) return kUnknown;
  const absl::StatusOr<uint64_t> kib = ReadReadAheadKib(*file);
  return kib.ok() ? absl::StrCat(*kib) : kUnknown;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DescribeStorage(
    const std::string& directory) {
  const Mount mount = FindMount(directory);
  struct stat status;
  const std::filesystem::path disk = stat(directory.c_str(), &status) == 0
                                         ? DiskDirectory(mount, status.st_dev)
                                         : "";
  const auto of_disk = [&](const char* file) {
    return disk.empty() ? kUnknown : FirstLine(disk / file, kUnknown);
  };
  std::vector<std::pair<std::string, std::string>> facts = {
      {"filesystem", mount.filesystem},
      {"mount_options", mount.options},
      {"device", mount.source},
      {"device_model", of_disk("device/model")},
      {"device_rotational", of_disk("queue/rotational")},
      {"device_scheduler", Chosen(of_disk("queue/scheduler"))},
      {"device_read_ahead_kib", ReadAhead(directory)},
  };
  const StorageChain chain = FollowStorage(directory);
  std::vector<std::string> names;
  for (const std::string& below : chain.disks) {
    names.push_back(std::filesystem::path(below).filename().string());
  }
  facts.emplace_back("disks_below",
                     names.empty() ? kUnknown : absl::StrJoin(names, " "));
  if (!chain.unknown.empty()) {
    facts.emplace_back("unknown_below", chain.unknown);
  }
  return facts;
}

}  // namespace pagestall
