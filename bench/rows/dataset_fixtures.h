#ifndef PAGESTALL_BENCH_ROWS_DATASET_FIXTURES_H_
#define PAGESTALL_BENCH_ROWS_DATASET_FIXTURES_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/rows/dataset_flags.h"
#include "fixtures/read_ahead/device_read_ahead.h"

namespace pagestall {

// The directories in the order in which to open their datasets, each of which
// waits for its lock: one that two processes share, whatever their flags' is.
std::vector<size_t> OpeningOrder(const std::vector<DataDirectory>& directories);

// Says in the report's context what the datasets are, and what each directory
// lies on, under names that end in its label if there are several.
void AddDatasetContext(const DatasetOptions& options);

// What a directory's rows may change: nothing unless flags ask for it. An error
// if it is to be changed and another process does.
absl::StatusOr<ReadAheadClaim> ClaimReadAheadFor(const DatasetOptions& options,
                                                 size_t directory);

// A ScanFixture or LookupFixture per directory.
template <typename Fixture>
class DatasetFixtures {
 public:
  // `open` is called once for each directory.
  absl::Status Open(
      const DatasetOptions& options,
      absl::FunctionRef<absl::StatusOr<Fixture>(const DatasetSpec&)> open) {
    fixtures_.resize(options.directories.size());
    for (const size_t directory : OpeningOrder(options.directories)) {
      absl::StatusOr<Fixture> fixture = open(options.DatasetIn(directory));
      if (!fixture.ok()) return fixture.status();
      absl::StatusOr<ReadAheadClaim> claim =
          ClaimReadAheadFor(options, directory);
      if (!claim.ok()) return claim.status();
      fixture->UseReadAhead(*std::move(claim));
      fixtures_[directory] = std::make_unique<Fixture>(*std::move(fixture));
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
