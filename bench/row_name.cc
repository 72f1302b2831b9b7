#include "bench/row_name.h"

#include "absl/strings/str_cat.h"

namespace pagestall {

std::string ScanRowName(absl::string_view family, const ScanConfig& config,
                        const ScanOptions& options, absl::string_view more) {
  std::string name =
      absl::StrCat(family, "/exec:", config.executor.name,
                   "/io:", config.source.name, "/cache:", Name(config.cache));
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
  absl::StrAppend(&name, more, "/files:", options.dataset.files,
                  "/mib:", options.dataset.file_bytes >> 20,
                  "/stride:", options.stride);
  return name;
}

}  // namespace pagestall
