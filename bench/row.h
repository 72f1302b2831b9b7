#ifndef PAGESTALL_BENCH_ROW_H_
#define PAGESTALL_BENCH_ROW_H_

#include <benchmark/benchmark.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "bench/outcome.h"
#include "bench/progress.h"
#include "fixtures/may_hang.h"

namespace pagestall {

enum class RowTime {
  kWall,    // of the iteration
  kManual,  // what the row says by State::SetIterationTime()
};

// A binary's rows.
class Rows {
 public:
  // Each repetition is announced to `progress`, and what became of it is added
  // to `outcomes`; both outlive the rows.
  Rows(Progress& progress, Outcomes& outcomes)
      : progress_(progress), outcomes_(outcomes) {}

  // Registers one whose repetitions are one iteration each. An error that
  // `repetition` returns is its Outcome.
  benchmark::internal::Benchmark* Add(
      const std::string& name, RowTime time,
      std::function<absl::Status(benchmark::State& state)> repetition);

 private:
  Progress& progress_;
  Outcomes& outcomes_;
};

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
