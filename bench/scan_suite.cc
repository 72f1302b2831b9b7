#include "bench/scan_suite.h"

#include <benchmark/benchmark.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/suite.h"
#include "lib/executor/table.h"
#include "lib/source/table.h"

namespace pagestall {

absl::Status ScanSuite::ReadFlags() {
  absl::StatusOr<ScanOptions> options = ScanOptionsFromFlags();
  if (!options.ok()) return options.status();
  options_ = *std::move(options);
  return absl::OkStatus();
}

std::vector<ScanConfig> ScanSuite::EveryRow() const {
  std::vector<ScanConfig> rows;
  for (const Executor& executor : Executors()) {
    for (const Source& source : Sources()) {
      if (!executor.supports(source)) continue;
      std::vector<size_t> yields = {0};
      if (executor.async && source.can_yield && options_.scan.yield_bytes > 0) {
        yields.push_back(options_.scan.yield_bytes);
      }
      for (const size_t yield_bytes : yields) {
        for (const CacheState cache : {CacheState::kCold, CacheState::kWarm}) {
          ScanConfig config = ConfigOf(executor, source, cache);
          config.scan.yield_bytes = yield_bytes;
          const std::vector<ScanConfig> places = InEveryPlace(config);
          rows.insert(rows.end(), places.begin(), places.end());
        }
      }
    }
  }
  return rows;
}

ScanConfig ScanSuite::ConfigOf(const Executor& executor, const Source& source,
                               CacheState cache) const {
  ScanSpec scan = options_.scan;
  scan.source_options = OptionsOf(source);
  scan.yield_bytes = 0;
  return {.executor = executor,
          .source = source,
          .window = {.cache = cache},
          .scan = std::move(scan),
          .files = options_.data.dataset.files,
          .slow_down_pct = SlowDownPctOf(source)};
}

std::vector<ScanConfig> ScanSuite::InEveryPlace(ScanConfig config) const {
  std::vector<ScanConfig> rows;
  for (const Place& place : options_.data.Places()) {
    config.window.place = place;
    rows.push_back(config);
  }
  return rows;
}

SourceOptions ScanSuite::OptionsOf(const Source& source) const {
  SourceOptions options = options_.scan.source_options;
  if (options.chunk_bytes == 0) options.chunk_bytes = source.chunk_bytes;
  if (options.ahead == 0) options.ahead = source.ahead;
  return options;
}

int ScanSuite::SlowDownPctOf(const Source& source) const {
  const std::optional<SlowDown>& slow_down = options_.slow_down;
  return slow_down && slow_down->source == source.name ? slow_down->percent : 0;
}

benchmark::internal::Benchmark* ScanSuite::Add(
    Rows& rows, absl::string_view family, const ScanConfig& row,
    absl::string_view more, RowTime time, ScanRepetition repetition) {
  return rows.Add(
      ScanRowName(family, row, options_, more), time,
      [this, row, repetition = std::move(repetition)](benchmark::State& state) {
        return repetition(state, fixtures_.In(row.window.place), row);
      });
}

absl::Status ScanSuite::Prepare(DatasetObserver& observer) {
  if (const std::optional<SlowDown>& slow_down = options_.slow_down) {
    benchmark::AddCustomContext(
        "slow_down", absl::StrCat(slow_down->source, ":", slow_down->percent));
  }
  return fixtures_.Open(options_.data, [&](const DatasetSpec& dataset) {
    return ScanFixture::Open(dataset, options_.data.evict, observer);
  });
}

bool IsOfTheArticle(const Source& source) {
  return source.name == absl::string_view("mmap") ||
         source.name == absl::string_view("read");
}

int RunScanSuite(int argc, char** argv, const char* question,
                 absl::Status (*register_rows)(ScanSuite& scans, Rows& rows)) {
  ScanSuite scans;
  return RunSuite(
      argc, argv,
      {.question = question,
       .register_rows =
           [&](Rows& rows) {
             absl::Status status = scans.ReadFlags();
             return status.ok() ? register_rows(scans, rows) : status;
           },
       .prepare = [&](auto& observer) { return scans.Prepare(observer); },
       .end = [&] { scans.End(); }});
}

}  // namespace pagestall
