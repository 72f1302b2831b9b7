#ifndef PAGESTALL_BENCH_ROW_H_
#define PAGESTALL_BENCH_ROW_H_

#include <benchmark/benchmark.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "bench/progress.h"
#include "fixtures/may_hang.h"

namespace pagestall {

enum class RowTime {
  kWall,    // of the iteration
  kManual,  // what the row says by State::SetIterationTime()
};

// Whether it says what cannot run on this machine, an answer rather than a
// failure: Unimplemented and PermissionDenied.
bool IsNotAvailable(const absl::Status& status);

// Registers a row whose repetitions are one iteration each. An error that
// `repetition` returns is the row's. One that IsNotAvailable() begins with "not
// available here: "; of any other error `progress` keeps that a row has failed,
// which reporters may not hear of (--benchmark_report_aggregates_only). Each
// repetition is announced to it.
benchmark::internal::Benchmark* RegisterRow(
    const std::string& name, RowTime time, Progress& progress,
    std::function<absl::Status(benchmark::State& state)> repetition);

// Runs `work`, the `operation`, which waits for storage, for as long as
// --row_timeout lets it: DeadlineExceeded, and in which phase it `hangs`, if
// that is over (MayHang, after which the process can only be left). Without
// that flag on the calling thread. What it throws is an error as well.
absl::Status RunWithTimeout(const char* operation,
                            const std::function<absl::Status()>& work,
                            std::optional<Phase>& hangs);

// Whether the flags that count for every row (--row_timeout) make sense.
absl::Status CheckRowFlags();

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_ROW_H_
