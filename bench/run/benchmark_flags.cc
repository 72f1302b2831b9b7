#include "bench/run/benchmark_flags.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace pagestall {
namespace {

// The library keeps every repetition in memory until the end.
constexpr int64_t kMaxRepetitions = 1'000'000;

std::string Given(int argc, char** argv, const std::string& name,
                  const std::string& otherwise) {
  const char* variable = std::getenv(absl::AsciiStrToUpper(name).c_str());
  std::string value = variable != nullptr ? variable : otherwise;
  const std::string prefix = absl::StrCat("--", name, "=");
  for (int i = 1; i < argc; ++i) {
    if (absl::StartsWith(argv[i], prefix)) value = argv[i] + prefix.size();
  }
  return value;
}

// As the library reads a boolean; a single sign that is no letter it takes for
// false as well.
bool IsTrue(const std::string& value) {
  static constexpr const char* kFalse[] = {"0", "f", "n", "false", "no", "off"};
  return std::none_of(
      std::begin(kFalse), std::end(kFalse),
      [&](const char* word) { return absl::EqualsIgnoreCase(value, word); });
}

absl::Status CheckIsOneOf(const char* name, const std::string& value,
                          const std::vector<std::string>& words,
                          absl::string_view more = "") {
  if (std::find(words.begin(), words.end(), value) != words.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, "=", value, ": must be ",
                   absl::StrJoin(words, " or "), more));
}

}  // namespace

absl::StatusOr<BenchmarkFlags> ReadBenchmarkFlags(int argc, char** argv) {
  const auto given = [&](const char* name, const char* otherwise) {
    return Given(argc, argv, name, otherwise);
  };
  BenchmarkFlags flags;
  flags.list =
      std::any_of(argv + 1, argv + argc,
                  [](const char* arg) {
                    return arg == absl::string_view("--benchmark_list_tests");
                  }) ||
      IsTrue(given("benchmark_list_tests", "false"));
  flags.format = given("benchmark_format", "console");
  flags.out_format = given("benchmark_out_format", "json");
  flags.out = given("benchmark_out", "");
  // Rows differ in their counters, at which the library's CSV aborts.
  constexpr absl::string_view kCsv = "; for CSV see tools/pagestall csv";
  absl::Status status =
      CheckIsOneOf("benchmark_format", flags.format, {"console", "json"}, kCsv);
  status.Update(CheckIsOneOf("benchmark_out_format", flags.out_format,
                             {"console", "json"}, kCsv));
  status.Update(CheckIsOneOf("benchmark_time_unit",
                             given("benchmark_time_unit", "ms"),
                             {"ns", "us", "ms", "s"}));
  if (given("benchmark_color", "auto").empty()) {
    status.Update(absl::InvalidArgumentError(
        "--benchmark_color=: must be auto, true or false"));
  }
  std::string min_time = given("benchmark_min_time", "1");
  double seconds;
  // "5s" and "100x", of the library's later versions.
  if (!min_time.empty() && (min_time.back() == 's' || min_time.back() == 'x')) {
    min_time.pop_back();
  }
  if (!absl::SimpleAtod(min_time, &seconds)) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--benchmark_min_time=", given("benchmark_min_time", ""),
                     ": must be a number of seconds")));
  }
  const std::string repetitions = given("benchmark_repetitions", "1");
  if (!absl::SimpleAtoi(repetitions, &flags.repetitions) ||
      flags.repetitions < 1 || flags.repetitions > kMaxRepetitions) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--benchmark_repetitions=", repetitions,
                     ": must be a number from 1 to ", kMaxRepetitions)));
  }
  const std::string warmup = given("benchmark_min_warmup_time", "0");
  if (!absl::SimpleAtod(warmup, &seconds) || seconds != 0) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--benchmark_min_warmup_time=", warmup,
                     ": must be 0; a repetition is one iteration, before which "
                     "the row establishes what it needs")));
  }
  if (!status.ok()) return status;
  return flags;
}

absl::Status CheckBenchmarkTookItsFlags(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (absl::StartsWith(argv[i], "--benchmark_")) {
      return absl::InvalidArgumentError(
          absl::StrCat(argv[i],
                       ": no flag of Google Benchmark, or no value for it; see "
                       "--help"));
    }
  }
  return absl::OkStatus();
}

void SetBenchmarkFlag(char* program, std::string flag) {
  char* argv[] = {program, flag.data(), nullptr};
  int argc = 2;
  benchmark::Initialize(&argc, argv);
}

size_t CountMatchingRows(char* program) {
  class NoReporter final : public benchmark::BenchmarkReporter {
    bool ReportContext(const Context& /*context*/) override { return false; }
    void ReportRuns(const std::vector<Run>& /*runs*/) override {}
  } reporter;
  std::ostringstream names;
  reporter.SetOutputStream(&names);
  // Opened here it would be closed again, which a pipe's reader takes for the
  // end.
  SetBenchmarkFlag(program, "--benchmark_out=");
  SetBenchmarkFlag(program, "--benchmark_list_tests=true");
  const size_t rows = benchmark::RunSpecifiedBenchmarks(&reporter);
  SetBenchmarkFlag(program, "--benchmark_list_tests=false");
  return rows;
}

}  // namespace pagestall
