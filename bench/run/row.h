#ifndef PAGESTALL_BENCH_RUN_ROW_H_
#define PAGESTALL_BENCH_RUN_ROW_H_

#include <benchmark/benchmark.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "bench/run/flag_reader.h"
#include "bench/run/outcome.h"
#include "bench/run/progress.h"

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

  // Where those who register rows read their flags.
  FlagReader& flags() { return flags_; }

  // Registers one whose repetitions are one iteration each. An error that
  // `repetition` returns is its Outcome.
  benchmark::internal::Benchmark* Add(
      const std::string& name, RowTime time,
      std::function<absl::Status(benchmark::State& state)> repetition);

 private:
  Progress& progress_;
  Outcomes& outcomes_;
  FlagReader flags_;
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_ROW_H_
