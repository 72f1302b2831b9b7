#ifndef PAGESTALL_BENCH_SCAN_SUITE_H_
#define PAGESTALL_BENCH_SCAN_SUITE_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bench/progress.h"
#include "bench/scan_flags.h"
#include "fixtures/scan_fixture.h"

namespace pagestall {

// What the rows of a binary share that scans the dataset. Outlives them.
class ScanSuite {
 public:
  absl::Status ReadFlags();
  const ScanOptions& options() const { return options_; }

  // Every executor with every source that makes sense there, cold and warm;
  // what can yield in a coroutine, without and with.
  std::vector<ScanConfig> Configs() const;

  // One of them, by names that are in the tables; without yields.
  ScanConfig ConfigOf(absl::string_view executor, absl::string_view source,
                      CacheState cache) const;

  // What the flags, or the source itself, say of its options.
  SourceOptions OptionsOf(const Source& source) const;

  // Makes the dataset and adds what it lies on to the report's context.
  absl::Status Prepare(Progress& progress);
  // After Prepare().
  ScanFixture& fixture() { return *fixture_; }

 private:
  ScanOptions options_;
  std::unique_ptr<ScanFixture> fixture_;
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
