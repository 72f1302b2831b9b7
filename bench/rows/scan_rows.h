#ifndef PAGESTALL_BENCH_ROWS_SCAN_ROWS_H_
#define PAGESTALL_BENCH_ROWS_SCAN_ROWS_H_

#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bench/rows/dataset_fixtures.h"
#include "bench/rows/scan_flags.h"
#include "bench/run/row.h"
#include "bench/run/suite.h"
#include "fixtures/dataset/dataset.h"
#include "fixtures/window/repetition.h"
#include "fixtures/window/scan_fixture.h"

namespace pagestall {

// Runs one in its fixture: RunScan(), and what else a row is about.
using ScanRepetition = std::function<absl::Status(
    benchmark::State& state, ScanFixture& fixture, const ScanConfig& config)>;

// What the rows of a binary share that scans the dataset. Outlives them.
class ScanRows final : public Suite {
 public:
  // `register_rows` is called once the flags were read.
  ScanRows(const char* question,
           void (*register_rows)(ScanRows& scans, Rows& rows))
      : question_(question), register_rows_(register_rows) {}

  const char* Question() const override { return question_; }
  void RegisterRows(Rows& rows) override {
    options_ = ReadScanOptions(rows.flags());
    register_rows_(*this, rows);
  }
  const ScanOptions& options() const { return options_; }

  // Every executor with every source that makes sense there, cold and warm;
  // what can yield in a coroutine, without and with. In every place.
  std::vector<ScanConfig> EveryRow() const;

  // A scan as the flags have it, without yields.
  ScanConfig ConfigOf(const Executor& executor, const Source& source,
                      CacheState cache) const;

  // A row of it for each directory and read-ahead that the flags name.
  std::vector<ScanConfig> InEveryPlace(ScanConfig config) const;

  // What the flags, or the source itself, say of its options.
  SourceOptions OptionsOf(const Source& source) const;

  // All that decides a row's work, and nothing else:
  // "scan/exec:async/io:read/cache:cold/buffer_kib:64/files:8/mib:256/stride:512".
  // Google Benchmark appends how it runs and times the row:
  // "/iterations:1/real_time". `more` is "/key:value"s that the family adds.
  std::string NameOf(absl::string_view family, const ScanConfig& row,
                     absl::string_view more) const;

  // Adds the row, whose time is that of its window, or what its repetition
  // says.
  benchmark::internal::Benchmark* Add(Rows& rows, absl::string_view family,
                                      const ScanConfig& row,
                                      absl::string_view more = "") {
    return Add(rows, family, row, more, RowTime::kWall,
               [](benchmark::State& state, ScanFixture& fixture,
                  const ScanConfig& config) {
                 return RunScan(state, fixture, config).status();
               });
  }
  benchmark::internal::Benchmark* Add(Rows& rows, absl::string_view family,
                                      const ScanConfig& row,
                                      absl::string_view more, RowTime time,
                                      ScanRepetition repetition);

  // Makes the datasets; adds what they lie on, and what is slowed down, to the
  // report's context.
  absl::Status Prepare(DatasetObserver& observer) override;
  void End() override { fixtures_.Close(); }

 private:
  int SlowDownPctOf(const Source& source) const;

  const char* question_;
  void (*register_rows_)(ScanRows& scans, Rows& rows);
  ScanOptions options_;
  DatasetFixtures<ScanFixture> fixtures_;
};

// Whether the article has measured it: mmap and read.
bool IsOfTheArticle(const Source& source);

// Whether it does everything at once on one event loop, as a service does.
inline bool IsOfAService(const Executor& executor) {
  return executor.async && executor.at_once;
}

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_ROWS_SCAN_ROWS_H_
