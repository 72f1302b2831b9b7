#include "bench/scan_flags.h"

#include <limits>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/suite.h"
#include "lib/file/errno_status.h"

ABSL_FLAG(std::string, data_dir, "data",
          "directory of the dataset, on the disk to measure; made if missing");
ABSL_FLAG(int64_t, files, 8, "how many files the dataset has");
ABSL_FLAG(int64_t, file_mib, 256, "size of each file in MiB");
ABSL_FLAG(int64_t, stride, 512, "sum every stride-th byte of each file");
ABSL_FLAG(int64_t, buffer_kib, 64,
          "buffer of one read in KiB (rows with buffer_kib)");
ABSL_FLAG(
    int64_t, chunk_kib, 0,
    "chunk of a mapping or of a large read in KiB (rows with chunk_kib);\n"
    "      0: what is best for each io");
ABSL_FLAG(int64_t, ahead, 0,
          "how many chunks are brought in beyond the one in use (rows with "
          "ahead);\n      0: what is best for each io");
ABSL_FLAG(int64_t, yield_kib, 64,
          "rows that yield to the executor do so every so many KiB; 0: no such "
          "rows");
ABSL_FLAG(uint64_t, seed, 1, "decides the dataset's content");
ABSL_FLAG(std::string, evict, "auto",
          "how to empty the page cache: fadvise (these files', no privilege), "
          "drop_caches\n      (the whole machine's, root), or auto (what "
          "disturbs least: fadvise)");

namespace pagestall {
namespace {

// Offsets are off_t, and a dataset's size must be one as well.
constexpr int64_t kMaxBytes = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxFiles = 4096;
constexpr int64_t kMaxBufferKib = int64_t{1} << 20;
constexpr int64_t kPageKib = 4;
constexpr int64_t kMaxAhead = 1024;

absl::StatusOr<EvictMethod> ParseEvict(const std::string& name) {
  if (name == "auto" || name == "fadvise") return EvictMethod::kFadvise;
  if (name == "drop_caches") return EvictMethod::kDropCaches;
  return absl::InvalidArgumentError(absl::StrCat(
      "--evict=", QuotedPath(name), ": must be auto, fadvise or drop_caches"));
}

}  // namespace

absl::StatusOr<ScanOptions> ScanOptionsFromFlags() {
  const std::string directory = absl::GetFlag(FLAGS_data_dir);
  const int64_t files = absl::GetFlag(FLAGS_files);
  const int64_t file_mib = absl::GetFlag(FLAGS_file_mib);
  const int64_t stride = absl::GetFlag(FLAGS_stride);
  const int64_t buffer_kib = absl::GetFlag(FLAGS_buffer_kib);
  const int64_t chunk_kib = absl::GetFlag(FLAGS_chunk_kib);
  const int64_t ahead = absl::GetFlag(FLAGS_ahead);
  const int64_t yield_kib = absl::GetFlag(FLAGS_yield_kib);

  absl::Status status;
  if (directory.empty()) {
    status = absl::InvalidArgumentError("--data_dir: must name a directory");
  }
  status.Update(CheckFlag("files", files, 1, kMaxFiles));
  status.Update(CheckFlag("file_mib", file_mib, 1, kMaxBytes >> 20));
  status.Update(CheckFlag("stride", stride, 1, kMaxBytes));
  status.Update(CheckFlag("buffer_kib", buffer_kib, 1, kMaxBufferKib));
  status.Update(CheckFlag("chunk_kib", chunk_kib, 0, kMaxBufferKib));
  if (chunk_kib % kPageKib != 0) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "--chunk_kib=", chunk_kib, ": must be a multiple of ", kPageKib)));
  }
  status.Update(CheckFlag("ahead", ahead, 0, kMaxAhead));
  status.Update(CheckFlag("yield_kib", yield_kib, 0, kMaxBufferKib));
  if (status.ok() && file_mib > (kMaxBytes >> 20) / files) {
    status = absl::InvalidArgumentError(
        absl::StrCat("--files=", files, " --file_mib=", file_mib,
                     ": the dataset's size overflows 63 bits"));
  }
  if (!status.ok()) return status;
  absl::StatusOr<EvictMethod> evict = ParseEvict(absl::GetFlag(FLAGS_evict));
  if (!evict.ok()) return evict.status();
  return ScanOptions{
      .dataset = {.directory = directory,
                  .seed = absl::GetFlag(FLAGS_seed),
                  .files = static_cast<uint64_t>(files),
                  .file_bytes = static_cast<uint64_t>(file_mib) << 20},
      .stride = static_cast<uint64_t>(stride),
      .buffer_bytes = static_cast<size_t>(buffer_kib) << 10,
      .chunk_bytes = static_cast<size_t>(chunk_kib) << 10,
      .ahead = static_cast<size_t>(ahead),
      .yield_bytes = static_cast<size_t>(yield_kib) << 10,
      .evict = *evict};
}

}  // namespace pagestall
