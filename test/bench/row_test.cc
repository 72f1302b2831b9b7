#include "bench/run/row.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "fixtures/machine/may_hang.h"

ABSL_DECLARE_FLAG(int64_t, row_timeout);

namespace pagestall {
namespace {

using Repetition = std::function<absl::Status(benchmark::State& state)>;

// What the JSON of so many of them says of each, "" of one without an error,
// and of nothing else.
std::vector<std::string> ErrorsOf(const Repetition& repetition, int repetitions,
                                  Outcomes& outcomes) {
  benchmark::ClearRegisteredBenchmarks();
  Progress progress;
  Rows(progress, outcomes)
      .Add("row", RowTime::kWall, repetition)
      ->Repetitions(repetitions);
  std::ostringstream json;
  benchmark::JSONReporter reporter;
  reporter.SetOutputStream(&json);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::ClearRegisteredBenchmarks();
  std::vector<std::string> errors;
  for (absl::string_view line : absl::StrSplit(json.str(), '\n')) {
    constexpr absl::string_view kIteration = "\"run_type\": \"iteration\"";
    constexpr absl::string_view kError = "\"error_message\": \"";
    if (line.find(kIteration) != line.npos) errors.emplace_back();
    const size_t at = line.find(kError);
    if (at == line.npos) continue;
    line.remove_prefix(at + kError.size());
    errors.back() = std::string(line.substr(0, line.rfind('"')));
  }
  return errors;
}

void IterateOverNothing(benchmark::State& state) {
  for (auto _ : state) {
  }
}

[[noreturn]] void Hang(Phase phase) {
  const MayHang here(phase);
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

int ExitCodeOf(const std::vector<Outcome>& all) {
  Outcomes outcomes;
  for (const Outcome& one : all) outcomes.Add("row", true, one);
  return outcomes.ExitCode();
}

TEST(OutcomesTest, ExitCodeIsThatOfTheWorst) {
  const Outcome measured = Outcome::Of(absl::OkStatus());
  const Outcome failed = Outcome::Of(absl::DataLossError(""));
  const Outcome absent = Outcome::Of(absl::UnimplementedError(""));
  const Outcome hung = Outcome::Hung(absl::DeadlineExceededError(""));
  EXPECT_EQ(ExitCodeOf({measured}), 0);
  EXPECT_EQ(ExitCodeOf({measured, absent}), 0);
  EXPECT_EQ(ExitCodeOf({absent, Outcome::Interrupted()}), 0);
  EXPECT_EQ(ExitCodeOf({absent}), 3);
  EXPECT_EQ(ExitCodeOf({measured, failed, absent}), 1);
  EXPECT_EQ(ExitCodeOf({measured, hung}), 1);
}

TEST(Row, ThatHasFailedFirstIsNotRunAgain) {
  Outcomes outcomes;
  int runs = 0;
  const auto errors = ErrorsOf(
      [&](benchmark::State& state) {
        ++runs;
        IterateOverNothing(state);
        return absl::DataLossError("wrong");
      },
      4, outcomes);
  const std::string later = "not run: the first repetition of this row failed";
  EXPECT_EQ(errors, (std::vector<std::string>{"wrong", later, later, later}));
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(outcomes.ExitCode(), 1);
}

TEST(Row, ThatIsNotAvailableHasNotFailed) {
  Outcomes outcomes;
  const auto errors = ErrorsOf(
      [](benchmark::State& state) {
        IterateOverNothing(state);
        return absl::UnimplementedError("no such call");
      },
      3, outcomes);
  EXPECT_EQ(errors,
            std::vector<std::string>(3, "not available here: no such call"));
  EXPECT_EQ(outcomes.ExitCode(), Outcomes::kNothingMeasured);
}

TEST(Row, ThatFailsLaterIsRunOn) {
  Outcomes outcomes;
  int runs = 0;
  const auto errors = ErrorsOf(
      [&](benchmark::State& state) {
        IterateOverNothing(state);
        return ++runs == 3 ? absl::DataLossError("wrong") : absl::OkStatus();
      },
      4, outcomes);
  EXPECT_EQ(errors, (std::vector<std::string>{"", "", "wrong", ""}));
  EXPECT_EQ(outcomes.ExitCode(), 1);
}

TEST(Row, ThatHangsIsTheLastThatRuns) {
  absl::SetFlag(&FLAGS_row_timeout, 1);
  for (const Phase phase : {Phase::kSetUp, Phase::kWindow, Phase::kTearDown}) {
    Outcomes outcomes;
    int runs = 0;
    const auto errors = ErrorsOf(
        [&](benchmark::State& state) {
          const bool hangs = ++runs == 3;
          if (hangs && phase == Phase::kSetUp) Hang(phase);
          for (auto _ : state) {
            if (hangs && phase == Phase::kWindow) Hang(phase);
          }
          if (hangs && phase == Phase::kTearDown) Hang(phase);
          return absl::OkStatus();
        },
        4, outcomes);
    EXPECT_EQ(errors,
              (std::vector<std::string>{
                  "", "",
                  absl::StrCat("--row_timeout: not over after 1 s, still ",
                               Name(phase), "; the storage may never answer"),
                  "not run: row hangs"}));
    EXPECT_EQ(runs, 3);
    EXPECT_EQ(outcomes.hung(), "row");
    EXPECT_EQ(outcomes.ExitCode(), 1);
  }
  absl::SetFlag(&FLAGS_row_timeout, 0);
}

}  // namespace
}  // namespace pagestall
