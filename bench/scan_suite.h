#ifndef PAGESTALL_BENCH_SCAN_SUITE_H_
#define PAGESTALL_BENCH_SCAN_SUITE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bench/dataset_fixtures.h"
#include "bench/progress.h"
#include "bench/row_name.h"
#include "bench/scan_flags.h"
#include "fixtures/scan_fixture.h"

namespace pagestall {

// What the rows of a binary share that scans the dataset. Outlives them.
class ScanSuite {
 public:
  absl::Status ReadFlags();
  const ScanOptions& options() const { return options_; }

  // Every executor with every source that makes sense there, cold and warm;
  // what can yield in a coroutine, without and with. In every place.
  std::vector<ScanRow> Rows() const;

  // A scan as the flags have it, without yields.
  ScanConfig ConfigOf(const Executor& executor, const Source& source,
                      CacheState cache) const;

  // A row of it for each directory and read-ahead that the flags name.
  std::vector<ScanRow> InEveryPlace(const ScanConfig& config) const;

  // What the flags, or the source itself, say of its options.
  SourceOptions OptionsOf(const Source& source) const;

  // Makes the datasets; adds what they lie on, and what is slowed down, to the
  // report's context.
  absl::Status Prepare(Progress& progress);
  void End() { fixtures_.Close(); }
  // After Prepare().
  ScanFixture& FixtureOf(const ScanRow& row) {
    return fixtures_.In(row.directory);
  }

 private:
  int SlowDownPctOf(const Source& source) const;

  ScanOptions options_;
  DatasetFixtures<ScanFixture> fixtures_;
};

// Whether the article has measured it: mmap and read.
bool IsOfTheArticle(const Source& source);

// RunSuite() for a binary that scans the dataset: `register_rows` is called
// once the flags were read.
int RunScanSuite(int argc, char** argv, const char* question,
                 absl::Status (*register_rows)(ScanSuite& scans,
                                               Progress& progress));

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_SCAN_SUITE_H_
