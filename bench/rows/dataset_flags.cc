#include "bench/rows/dataset_flags.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"

ABSL_FLAG(
    std::string, data_dir, "data",
    "directory of the dataset, on the disk to measure; made if missing. "
    "Several, with a\n      comma between two (\\, is one within a path): "
    "each row once per directory, with\n      dir:<its name>");
ABSL_FLAG(int64_t, files, 8, "how many files the dataset has");
ABSL_FLAG(int64_t, file_mib, 256, "size of each file in MiB");
ABSL_FLAG(uint64_t, seed, 1, "decides the dataset's content");
ABSL_FLAG(std::string, evict, "auto",
          "how to empty the page cache: fadvise (these files', no privilege), "
          "drop_caches\n      (the whole machine's, root), or auto (what "
          "disturbs least: fadvise)");
ABSL_FLAG(
    std::vector<std::string>, read_ahead_kib, {},
    "read-ahead to give the device for these rows, in KiB (root; put back "
    "at the end).\n      Several, with a comma between two: each row once "
    "per value. Default: as it is");

namespace pagestall {
namespace {

// Offsets are off_t, and a dataset's size must be one as well.
constexpr int64_t kMaxMib = std::numeric_limits<int64_t>::max() >> 20;
constexpr int64_t kMaxFiles = 4096;
constexpr int64_t kMaxReadAheadKib = int64_t{1} << 20;

absl::StatusOr<EvictMethod> ParseEvict(const std::string& name) {
  if (name == "auto" || name == "fadvise") return EvictMethod::kFadvise;
  if (name == "drop_caches") return EvictMethod::kDropCaches;
  return absl::InvalidArgumentError(absl::StrCat(
      "--evict=", QuotedPath(name), ": must be auto, fadvise or drop_caches"));
}

absl::StatusOr<std::vector<std::optional<uint64_t>>> ParseReadAheads(
    const std::vector<std::string>& values) {
  if (values.empty()) return std::vector{std::optional<uint64_t>()};
  // What the kernel would round is not what the row's name says.
  const int64_t page_kib = sysconf(_SC_PAGESIZE) >> 10;
  std::vector<std::optional<uint64_t>> read_aheads;
  for (const std::string& value : values) {
    int64_t kib;
    if (!absl::SimpleAtoi(value, &kib) || kib < 0 || kib > kMaxReadAheadKib ||
        kib % page_kib != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--read_ahead_kib=", value, ": must be a multiple of ",
                       page_kib, " from 0 to ", kMaxReadAheadKib));
    }
    if (std::find(read_aheads.begin(), read_aheads.end(), kib) !=
        read_aheads.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--read_ahead_kib: ", kib, " is there twice"));
    }
    read_aheads.emplace_back(kib);
  }
  return read_aheads;
}

}  // namespace

std::vector<Place> DatasetOptions::Places() const {
  std::vector<Place> places;
  for (size_t directory = 0; directory < directories.size(); ++directory) {
    for (const std::optional<uint64_t> kib : read_aheads_kib) {
      places.push_back({.directory = directory, .read_ahead_kib = kib});
    }
  }
  return places;
}

std::string DatasetOptions::Axes(const Place& place) const {
  std::string axes;
  const std::string& label = directories[place.directory].label;
  if (!label.empty()) absl::StrAppend(&axes, "/dir:", label);
  if (place.read_ahead_kib) {
    absl::StrAppend(&axes, "/read_ahead_kib:", *place.read_ahead_kib);
  }
  return axes;
}

DatasetOptions ReadDatasetOptions(FlagReader& flags) {
  auto directories =
      flags.Take(ParseDataDirectories(absl::GetFlag(FLAGS_data_dir)));
  auto read_aheads =
      flags.Take(ParseReadAheads(absl::GetFlag(FLAGS_read_ahead_kib)));
  const int64_t files = flags.Read(FLAGS_files, 1, kMaxFiles);
  const int64_t file_mib = flags.Read(FLAGS_file_mib, 1, kMaxMib);
  if (file_mib > kMaxMib / files) {
    flags.Add(absl::InvalidArgumentError(
        absl::StrCat("--files=", files, " --file_mib=", file_mib,
                     ": the dataset's size overflows 63 bits")));
  }
  const auto evict = flags.Take(ParseEvict(absl::GetFlag(FLAGS_evict)));
  return {.directories = std::move(directories),
          .dataset = {.directory = "",
                      .seed = absl::GetFlag(FLAGS_seed),
                      .files = static_cast<uint64_t>(files),
                      .file_bytes = static_cast<uint64_t>(file_mib) << 20},
          .evict = evict,
          .read_aheads_kib = std::move(read_aheads)};
}

}  // namespace pagestall
