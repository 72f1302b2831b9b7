#include "bench/rows/dataset_fixtures.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "bench/rows/storage_context.h"
#include "bench/run/row.h"
#include "lib/file/errno_status.h"

namespace pagestall {

std::vector<size_t> OpeningOrder(
    const std::vector<DataDirectory>& directories) {
  std::vector<size_t> order(directories.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return directories[a].real_path < directories[b].real_path;
  });
  return order;
}

void AddDatasetContext(const DatasetOptions& options) {
  benchmark::AddCustomContext("seed", absl::StrCat(options.dataset.seed));
  benchmark::AddCustomContext("evict", options.evict == EvictMethod::kFadvise
                                           ? "fadvise"
                                           : "drop_caches");
  for (const DataDirectory& directory : options.directories) {
    for (const auto& [name, value] : DescribeStorage(directory.path)) {
      benchmark::AddCustomContext(
          directory.label.empty() ? name
                                  : absl::StrCat(name, "_", directory.label),
          Printable(value));
    }
  }
}

absl::StatusOr<ReadAheadClaim> ClaimReadAheadFor(const DatasetOptions& options,
                                                 size_t directory) {
  if (!options.read_aheads_kib.front()) {
    return ReadAheadClaim(absl::FailedPreconditionError("not to be changed"));
  }
  ReadAheadClaim claim = ClaimReadAhead(options.directories[directory].path);
  if (!claim.ok() && !IsNotAvailable(claim.status())) return claim.status();
  return claim;
}

}  // namespace pagestall
