#include "bench/rows/scan_row_name.h"

#include "absl/strings/str_cat.h"
#include "lib/source/sources.h"

namespace pagestall {
namespace {

// cache:cold, cache:warm or resident_pct:50.
std::string CacheAxis(CacheState state) {
  if (state.resident_pct == 0 || state.resident_pct == 100) {
    return absl::StrCat("cache:", Name(state));
  }
  return absl::StrCat("resident_pct:", state.resident_pct);
}

}  // namespace

std::string ScanRowName(absl::string_view family, const ScanConfig& row,
                        const ScanOptions& options, absl::string_view more) {
  std::string name =
      absl::StrCat(family, "/exec:", row.executor.name, "/io:", row.source.name,
                   "/", CacheAxis(row.window.cache));
  // Blocks in a random order are asked for one by one, whatever the source does
  // with a file that it reads front to back.
  if (row.scan.random_block_bytes > 0) {
    absl::StrAppend(
        &name, "/order:random/block_kib:", row.scan.random_block_bytes >> 10);
  } else {
    absl::StrAppend(&name, OptionAxes(row.source, row.scan.source_options));
  }
  if (row.scan.yield_bytes > 0) {
    absl::StrAppend(&name, "/yield_kib:", row.scan.yield_bytes >> 10);
  }
  absl::StrAppend(&name, more, options.data.Axes(row.window.place),
                  "/files:", row.files,
                  "/mib:", options.data.dataset.file_bytes >> 20,
                  "/stride:", row.scan.stride);
  return name;
}

}  // namespace pagestall
