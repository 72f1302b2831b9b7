#include "bench/rows/scan_rows.h"

#include <benchmark/benchmark.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/executor/executors.h"
#include "lib/source/sources.h"

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

std::vector<ScanConfig> ScanRows::EveryRow() const {
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

ScanConfig ScanRows::ConfigOf(const Executor& executor, const Source& source,
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

std::vector<ScanConfig> ScanRows::InEveryPlace(ScanConfig config) const {
  std::vector<ScanConfig> rows;
  for (const Place& place : options_.data.Places()) {
    config.window.place = place;
    rows.push_back(config);
  }
  return rows;
}

SourceOptions ScanRows::OptionsOf(const Source& source) const {
  SourceOptions options = options_.scan.source_options;
  if (options.chunk_bytes == 0) options.chunk_bytes = source.chunk_bytes;
  if (options.ahead == 0) options.ahead = source.ahead;
  return options;
}

int ScanRows::SlowDownPctOf(const Source& source) const {
  const std::optional<SlowDown>& slow_down = options_.slow_down;
  return slow_down && slow_down->source == source.name ? slow_down->percent : 0;
}

std::string ScanRows::NameOf(absl::string_view family, const ScanConfig& row,
                             absl::string_view more) const {
  std::string name =
      absl::StrCat(family, "/exec:", row.executor.name, "/io:", row.source.name,
                   "/", CacheAxis(row.window.cache));
  // Blocks in a random order are asked for one by one, whatever the source does
  // with a file that it reads front to back.
  if (row.scan.random_block_bytes > 0) {
    absl::StrAppend(
        &name, "/order:random/block_kib:", row.scan.random_block_bytes >> 10);
  } else {
    absl::StrAppend(&name, OptionAxes(row.source, row.scan.source_options));
  }
  if (row.scan.yield_bytes > 0) {
    absl::StrAppend(&name, "/yield_kib:", row.scan.yield_bytes >> 10);
  }
  absl::StrAppend(&name, more, options_.data.Axes(row.window.place),
                  "/files:", row.files,
                  "/mib:", options_.data.dataset.file_bytes >> 20,
                  "/stride:", row.scan.stride);
  return name;
}

benchmark::internal::Benchmark* ScanRows::Add(
    Rows& rows, absl::string_view family, const ScanConfig& row,
    absl::string_view more, RowTime time, ScanRepetition repetition) {
  return rows.Add(
      NameOf(family, row, more), time,
      [this, row, repetition = std::move(repetition)](benchmark::State& state) {
        return repetition(state, fixtures_.In(row.window.place), row);
      });
}

absl::Status ScanRows::Prepare(DatasetObserver& observer) {
  if (const std::optional<SlowDown>& slow_down = options_.slow_down) {
    benchmark::AddCustomContext(
        "slow_down", absl::StrCat(slow_down->source, ":", slow_down->percent));
  }
  return fixtures_.Open(options_.data, observer);
}

bool IsOfTheArticle(const Source& source) {
  return source.name == absl::string_view("mmap") ||
         source.name == absl::string_view("read");
}

}  // namespace pagestall
