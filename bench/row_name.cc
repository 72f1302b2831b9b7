#include "bench/row_name.h"

#include "absl/strings/str_cat.h"

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

std::string ScanRowName(absl::string_view family, const ScanConfig& config,
                        const ScanOptions& options, absl::string_view more) {
  std::string name =
      absl::StrCat(family, "/exec:", config.executor.name,
                   "/io:", config.source.name, "/", CacheAxis(config.cache));
  if (config.source.uses_buffer) {
    absl::StrAppend(&name,
                    "/buffer_kib:", config.source_options.buffer_bytes >> 10);
  }
  if (config.source.chunk_bytes > 0) {
    absl::StrAppend(&name,
                    "/chunk_kib:", config.source_options.chunk_bytes >> 10);
  }
  if (config.source.ahead > 0) {
    absl::StrAppend(&name, "/ahead:", config.source_options.ahead);
  }
  if (config.yield_bytes > 0) {
    absl::StrAppend(&name, "/yield_kib:", config.yield_bytes >> 10);
  }
  absl::StrAppend(&name, more, "/files:", config.files,
                  "/mib:", options.dataset.file_bytes >> 20,
                  "/stride:", config.stride);
  return name;
}

}  // namespace pagestall
