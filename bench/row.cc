#include "bench/row.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bench/flag_reader.h"
#include "fixtures/interruption.h"
#include "fixtures/may_hang.h"
#include "lib/file/exception_status.h"

ABSL_FLAG(
    int64_t, row_timeout, 0,
    "seconds that storage may keep the opening of the dataset waiting, or a "
    "repetition,\n      in its window or beside it: then it has failed, and "
    "with it all that were to\n      follow. Default: no limit");

namespace pagestall {
namespace {

constexpr int64_t kMaxRowTimeout = int64_t{1} << 30;

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

absl::Status RunWithTimeout(const char* operation,
                            const std::function<absl::Status()>& work,
                            std::optional<Phase>& hangs) {
  const int64_t seconds = absl::GetFlag(FLAGS_row_timeout);
  if (seconds == 0) return Caught(operation, work);
  const auto status = std::make_shared<absl::Status>();
  absl::Status started = Caught("start a thread for --row_timeout", [&] {
    hangs = RunFor(std::chrono::seconds(seconds),
                   [=, &work] { *status = Caught(operation, work); });
    return absl::OkStatus();
  });
  if (!started.ok()) return started;
  if (!hangs) return *status;
  return absl::DeadlineExceededError(
      absl::StrCat("--row_timeout: not over after ", seconds, " s, still ",
                   Name(*hangs), "; the storage may never answer"));
}

absl::Status CheckRowFlags() {
  FlagReader flags;
  flags.Read(FLAGS_row_timeout, 0, kMaxRowTimeout);
  return flags.status();
}

}  // namespace pagestall
