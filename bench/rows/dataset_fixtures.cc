#include "bench/rows/dataset_fixtures.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <numeric>
#include <utility>

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

absl::StatusOr<Window> OpenWindow(const DatasetOptions& options,
                                  size_t directory, DatasetObserver& observer) {
  DatasetSpec spec = options.dataset;
  spec.directory = options.directories[directory].path;
  absl::StatusOr<Window> window = Window::Open(spec, options.evict, observer);
  if (!window.ok() || !options.read_aheads_kib.front()) return window;
  ReadAheadClaim claim = ClaimReadAhead(spec.directory);
  if (!claim.ok() && !IsNotAvailable(claim.status())) return claim.status();
  window->UseReadAhead(std::move(claim));
  return window;
}

}  // namespace pagestall
