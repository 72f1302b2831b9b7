#include "bench/dataset_flags.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bench/suite.h"
#include "lib/file/errno_status.h"

ABSL_FLAG(std::string, data_dir, "data",
          "directory of the dataset, on the disk to measure; made if missing");
ABSL_FLAG(int64_t, files, 8, "how many files the dataset has");
ABSL_FLAG(int64_t, file_mib, 256, "size of each file in MiB");
ABSL_FLAG(uint64_t, seed, 1, "decides the dataset's content");
ABSL_FLAG(std::string, evict, "auto",
          "how to empty the page cache: fadvise (these files', no privilege), "
          "drop_caches\n      (the whole machine's, root), or auto (what "
          "disturbs least: fadvise)");

namespace pagestall {
namespace {

// Offsets are off_t, and a dataset's size must be one as well.
constexpr int64_t kMaxMib = std::numeric_limits<int64_t>::max() >> 20;
constexpr int64_t kMaxFiles = 4096;

absl::StatusOr<EvictMethod> ParseEvict(const std::string& name) {
  if (name == "auto" || name == "fadvise") return EvictMethod::kFadvise;
  if (name == "drop_caches") return EvictMethod::kDropCaches;
  return absl::InvalidArgumentError(absl::StrCat(
      "--evict=", QuotedPath(name), ": must be auto, fadvise or drop_caches"));
}

}  // namespace

absl::StatusOr<DatasetOptions> DatasetOptionsFromFlags() {
  const std::string directory = absl::GetFlag(FLAGS_data_dir);
  const int64_t files = absl::GetFlag(FLAGS_files);
  const int64_t file_mib = absl::GetFlag(FLAGS_file_mib);

  absl::Status status;
  if (directory.empty()) {
    status = absl::InvalidArgumentError("--data_dir: must name a directory");
  }
  status.Update(CheckFlag("files", files, 1, kMaxFiles));
  status.Update(CheckFlag("file_mib", file_mib, 1, kMaxMib));
  if (status.ok() && file_mib > kMaxMib / files) {
    status = absl::InvalidArgumentError(
        absl::StrCat("--files=", files, " --file_mib=", file_mib,
                     ": the dataset's size overflows 63 bits"));
  }
  if (!status.ok()) return status;
  absl::StatusOr<EvictMethod> evict = ParseEvict(absl::GetFlag(FLAGS_evict));
  if (!evict.ok()) return evict.status();
  return DatasetOptions{
      .dataset = {.directory = directory,
                  .seed = absl::GetFlag(FLAGS_seed),
                  .files = static_cast<uint64_t>(files),
                  .file_bytes = static_cast<uint64_t>(file_mib) << 20},
      .evict = *evict};
}

}  // namespace pagestall
