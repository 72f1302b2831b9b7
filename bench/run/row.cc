#include "bench/run/row.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/run/row_timeout.h"
#include "fixtures/machine/interruption.h"

namespace pagestall {
namespace {

void IterateOverNothing(benchmark::State& state) {
  for (auto _ : state) {
  }
}

// The error of a row's later repetitions, whose `first` ended with an error.
absl::Status AfterFirst(const absl::Status& first) {
  if (IsNotAvailable(first)) return first;
  return absl::Status(first.code(),
                      "not run: the first repetition of this row failed");
}

}  // namespace

benchmark::internal::Benchmark* Rows::Add(
    const std::string& name, RowTime time,
    std::function<absl::Status(benchmark::State& state)> repetition) {
  // The library aborts where one repetition of a row has iterated and another
  // has not, and crashes where the first has failed and two others have not.
  const auto run = [&progress = progress_, &outcomes = outcomes_, name,
                    repetition = std::move(repetition),
                    first = std::optional<absl::Status>()](
                       benchmark::State& state) mutable {
    const auto end = [&](bool ran, const Outcome& outcome) {
      outcome.Report(state);
      outcomes.Add(name, ran, outcome);
    };
    if (Interruption::Requested()) {
      IterateOverNothing(state);
      return end(false, Outcome::Interrupted());
    }
    progress.BeginRepetition(name);
    absl::Status status;
    if (!outcomes.hung().empty()) {
      status = absl::FailedPreconditionError(
          absl::StrCat("not run: ", outcomes.hung(), " hangs"));
    } else if (first && !first->ok()) {
      status = AfterFirst(*first);
    }
    bool entered = false;
    std::optional<Phase> hangs;
    if (status.ok()) {
      status = RunWithTimeout(
          "run the row",
          [&] {
            entered = true;
            return repetition(state);
          },
          hangs);
    }
    if (!entered || hangs == Phase::kSetUp) IterateOverNothing(state);
    if (!first) first = status;
    end(entered && !hangs, hangs ? Outcome::Hung(status) : Outcome::Of(status));
  };
  auto* row = benchmark::RegisterBenchmark(name.c_str(), run)
                  ->Iterations(1)
                  ->Unit(benchmark::kMillisecond);
  return time == RowTime::kWall ? row->UseRealTime() : row->UseManualTime();
}

}  // namespace pagestall
