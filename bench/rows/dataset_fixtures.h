#ifndef PAGESTALL_BENCH_ROWS_DATASET_FIXTURES_H_
#define PAGESTALL_BENCH_ROWS_DATASET_FIXTURES_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/rows/dataset_flags.h"
#include "fixtures/window/window.h"

namespace pagestall {

// The directories in the order in which to open their datasets, each of which
// waits for its lock: one that two processes share, whatever their flags' is.
std::vector<size_t> OpeningOrder(const std::vector<DataDirectory>& directories);

// Says in the report's context what the datasets are, and what each directory
// lies on, under names that end in its label if there are several.
void AddDatasetContext(const DatasetOptions& options);

// Makes a directory's dataset. Its rows may change the read-ahead if flags ask
// for it: an error if another process does.
absl::StatusOr<Window> OpenWindow(const DatasetOptions& options,
                                  size_t directory, DatasetObserver& observer);

// A ScanFixture or LookupFixture per directory.
template <typename Fixture>
class DatasetFixtures {
 public:
  absl::Status Open(const DatasetOptions& options, DatasetObserver& observer) {
    fixtures_.resize(options.directories.size());
    for (const size_t directory : OpeningOrder(options.directories)) {
      absl::StatusOr<Window> window = OpenWindow(options, directory, observer);
      if (!window.ok()) return window.status();
      fixtures_[directory] = std::make_unique<Fixture>(*std::move(window));
    }
    AddDatasetContext(options);
    return absl::OkStatus();
  }

  void Close() { fixtures_.clear(); }

  Fixture& In(const Place& place) { return *fixtures_[place.directory]; }

 private:
  std::vector<std::unique_ptr<Fixture>> fixtures_;
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_ROWS_DATASET_FIXTURES_H_
