#ifndef PAGESTALL_BENCH_RUN_OUTCOME_H_
#define PAGESTALL_BENCH_RUN_OUTCOME_H_

#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pagestall {

// What became of a repetition of a row. This is the one place that says what
// the JSON has of it, and what the process ends with; of the tools,
// pagestall_tools/outcome.py reads it back.
class Outcome {
 public:
  enum class Kind {
    kMeasured,
    kNotAvailable,  // cannot run on this machine: an answer, not a failure
    kFailed,
    kHung,         // --row_timeout is over; no other can be run in this process
    kInterrupted,  // was not run because of an Interruption
  };

  static Outcome Interrupted();
  // DeadlineExceeded, in the words of `status`.
  static Outcome Hung(const absl::Status& status);
  // Of a repetition that came back. What IsNotAvailable() has not failed.
  static Outcome Of(const absl::Status& status);

  Kind kind() const { return kind_; }

  // Says it in the repetition's JSON: nothing of one that was measured, else
  // error_message; and by the label of one that was not run.
  void Report(benchmark::State& state) const;

  // Whether a reported repetition was not run because of an Interruption.
  static bool WasInterrupted(const benchmark::BenchmarkReporter::Run& run);

 private:
  Outcome(Kind kind, absl::string_view message)
      : kind_(kind), message_(message) {}

  Kind kind_;
  std::string message_;
};

// Whether it says what cannot run on this machine: Unimplemented and
// PermissionDenied.
bool IsNotAvailable(const absl::Status& status);

// What became of all of them. The reporters may not hear of each
// (--benchmark_report_aggregates_only).
class Outcomes {
 public:
  // `ran`: its work was begun and came back.
  void Add(const std::string& row, bool ran, const Outcome& outcome);

  bool any(Outcome::Kind kind) const { return kinds_.contains(kind); }
  // The row that hangs, else "".
  const std::string& hung() const { return hung_; }
  // How many repetitions of all rows, or of one, ran.
  int64_t ran() const;
  int64_t ran(const std::string& row) const;

  // What the process ends with, if nothing else has gone wrong: 1 if one has
  // failed or hangs, kNothingMeasured if all that were run are not available
  // here, else 0.
  static constexpr int kNothingMeasured = 3;
  int ExitCode() const;

 private:
  std::set<Outcome::Kind> kinds_;
  std::map<std::string, int64_t> ran_of_;
  std::string hung_;
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_OUTCOME_H_
