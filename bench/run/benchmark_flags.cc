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

bool IsOneOf(const std::string& value, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), value) != words.end();
}

}  // namespace

absl::StatusOr<BenchmarkFlags> ReadBenchmarkFlags(int argc, char** argv) {
  const auto given = [&](const char* name, const char* otherwise) {
    return Given(argc, argv, name, otherwise);
  };
  absl::Status status;
  const auto check = [&](bool right, const char* name, const auto&... must) {
    if (right) return;
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--", name, "=", given(name, ""), ": must be ", must...)));
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
  constexpr char kForms[] = "console or json; for CSV see tools/pagestall csv";
  check(IsOneOf(flags.format, {"console", "json"}), "benchmark_format", kForms);
  check(IsOneOf(flags.out_format, {"console", "json"}), "benchmark_out_format",
        kForms);
  check(IsOneOf(given("benchmark_time_unit", "ms"), {"ns", "us", "ms", "s"}),
        "benchmark_time_unit", "ns or us or ms or s");
  check(!given("benchmark_color", "auto").empty(), "benchmark_color",
        "auto, true or false");
  std::string min_time = given("benchmark_min_time", "1");
  double seconds;
  // "5s" and "100x", of the library's later versions.
  if (!min_time.empty() && (min_time.back() == 's' || min_time.back() == 'x')) {
    min_time.pop_back();
  }
  check(absl::SimpleAtod(min_time, &seconds), "benchmark_min_time",
        "a number of seconds");
  check(absl::SimpleAtoi(given("benchmark_repetitions", "1"),
                         &flags.repetitions) &&
            flags.repetitions >= 1 && flags.repetitions <= kMaxRepetitions,
        "benchmark_repetitions", "a number from 1 to ", kMaxRepetitions);
  check(absl::SimpleAtod(given("benchmark_min_warmup_time", "0"), &seconds) &&
            seconds == 0,
        "benchmark_min_warmup_time",
        "0; a repetition is one iteration, before which the row establishes "
        "what it needs");
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
