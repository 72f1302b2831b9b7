// The hazard as a time: how late an async executor runs what is due, and for
// how long its thread is blocked, during a scan.

#include <benchmark/benchmark.h>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bench/rows/scan_rows.h"
#include "fixtures/window/baseline.h"
#include "fixtures/window/repetition.h"

ABSL_FLAG(int64_t, baseline_ms, 1000,
          "how long the idle and the computing executor are watched");

namespace pagestall {
namespace {

using std::chrono::nanoseconds;

// What a family of rows takes for its time.
struct Figure {
  const char* family;
  absl::StatusOr<nanoseconds> (*of)(const ExecutorReport& report);
};

constexpr Figure kFigures[] = {
    {"stall_max",
     [](const ExecutorReport& report) -> absl::StatusOr<nanoseconds> {
       return report.stalls.Quantile(1);
     }},
    {"stall_p99",
     [](const ExecutorReport& report) -> absl::StatusOr<nanoseconds> {
       return report.stalls.Quantile(0.99);
     }},
    {"blocked",
     [](const ExecutorReport& report) -> absl::StatusOr<nanoseconds> {
       if (!report.blocked.ok()) return report.blocked.status();
       return report.blocked->at_least;
     }},
};

void AddBaselines(const Figure& figure, int64_t ms, Rows& rows) {
  for (const Baseline& baseline : Baselines()) {
    rows.Add(absl::StrCat(figure.family, "/exec:async/load:", baseline.name,
                          "/ms:", ms),
             RowTime::kManual, [baseline, figure, ms](benchmark::State& state) {
               absl::StatusOr<ExecutorReport> report;
               for (auto _ : state) {
                 report = baseline.watch(std::chrono::milliseconds(ms));
               }
               if (!report.ok()) return report.status();
               AddCounters(state, *report);
               return ReportTime(state, figure.of(*report));
             });
  }
}

void RegisterRows(ScanRows& scans, Rows& rows) {
  const int64_t ms = rows.flags().Read(FLAGS_baseline_ms, 1, 3'600'000);
  for (const Figure& figure : kFigures) {
    AddBaselines(figure, ms, rows);
    for (const ScanConfig& row : scans.EveryRow()) {
      if (!row.executor.async) continue;
      scans.Add(rows, figure.family, row, "", RowTime::kManual,
                [figure](auto& state, auto& fixture, auto& config) {
                  const auto report = RunScan(state, fixture, config);
                  if (!report.ok()) return report.status();
                  return ReportTime(state, figure.of(**report));
                });
    }
  }
  // What the probe itself costs: the same scan with it and without.
  for (ScanConfig row : scans.EveryRow()) {
    if (!row.executor.async || !IsOfTheArticle(row.source)) continue;
    for (const bool probe : {true, false}) {
      row.probe = probe;
      scans.Add(rows, "probe_cost", row, probe ? "/probe:on" : "/probe:off");
    }
  }
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::ScanRows suite(
      "For how long does an async executor run nothing else during a scan?\n"
      "The time of a row is its stall (stall_max, stall_p99: how late a "
      "coroutine\nran that is due every millisecond) or the time that the "
      "executor's thread slept\nwhile it ran somebody's code (blocked). "
      "Rows of probe_cost are scan times with\nand without the probe.",
      pagestall::RegisterRows);
  return pagestall::RunSuite(argc, argv, suite);
}
