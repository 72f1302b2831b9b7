#include "bench/suite.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/checked_reporter.h"
#include "bench/machine_context.h"
#include "bench/report_file.h"
#include "bench/row.h"
#include "fixtures/interruption.h"
#include "fixtures/put_back_on_signal.h"
#include "fixtures/read_ahead_record.h"
#include "lib/file/exception_status.h"

namespace pagestall {
namespace {

// The value of one of Google Benchmark's flags, which the library does not
// tell: the last one on the command line, else its environment variable's.
std::string BenchmarkFlag(int argc, char** argv, const std::string& name,
                          const std::string& otherwise) {
  const char* variable = std::getenv(absl::AsciiStrToUpper(name).c_str());
  std::string value = variable != nullptr ? variable : otherwise;
  const std::string prefix = absl::StrCat("--", name, "=");
  for (int i = 1; i < argc; ++i) {
    if (absl::StartsWith(argv[i], prefix)) value = argv[i] + prefix.size();
  }
  return value;
}

// As the library reads a boolean: all is true but these.
bool IsTrue(const std::string& value) {
  static constexpr const char* kFalse[] = {"0", "f", "n", "false", "no", "off"};
  return std::none_of(
      std::begin(kFalse), std::end(kFalse),
      [&](const char* word) { return absl::EqualsIgnoreCase(value, word); });
}

// `program` is argv[0], which the library keeps a pointer to.
void SetBenchmarkFlag(char* program, std::string flag) {
  char* argv[] = {program, flag.data(), nullptr};
  int argc = 2;
  benchmark::Initialize(&argc, argv);
}

// How many rows the filter picks, by the library's own reading of it. It says
// so on stderr when that is none, or when --benchmark_out cannot be opened.
size_t CountMatchingRows(char* program) {
  class NoReporter final : public benchmark::BenchmarkReporter {
    bool ReportContext(const Context& /*context*/) override { return false; }
    void ReportRuns(const std::vector<Run>& /*runs*/) override {}
  } reporter;
  std::ostringstream names;
  reporter.SetOutputStream(&names);
  SetBenchmarkFlag(program, "--benchmark_list_tests=true");
  const size_t rows = benchmark::RunSpecifiedBenchmarks(&reporter);
  SetBenchmarkFlag(program, "--benchmark_list_tests=false");
  return rows;
}

// Ours first; Google Benchmark's Initialize() prints its own and exits.
void PrintHelp(const Suite& suite) {
  std::printf("%s\n\n", suite.question);
  std::vector<std::string> lines;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(absl::StrCat("/", flag->Filename()), "/bench/")) {
      continue;
    }
    lines.push_back(absl::StrCat("  --", name, "=", flag->DefaultValue(), "\n",
                                 "      ", flag->Help(), "\n"));
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) std::fputs(line.c_str(), stdout);
  std::printf("\nFlags of Google Benchmark (interleaving is on here):\n");
  std::fflush(stdout);
}

int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

// Says what it has put back or could not. Returns whether there was any.
bool PutBackReadAheads() {
  const std::vector<std::string> said =
      PutBackLeftReadAheads(kReadAheadRecords);
  for (const std::string& line : said) {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  return !said.empty();
}

// Leaves the process although a thread still uses all that there is. The kernel
// may wait for that thread, so that those who read what was printed must not.
[[noreturn]] void LeaveHanging() {
  PutBackOnSignal::PutBackAll();
  std::fflush(nullptr);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
  std::_Exit(1);
}

}  // namespace

absl::Status CheckFlag(const char* name, int64_t value, int64_t least,
                       int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--", name, "=", value, ": must be from ", least, " to ", most));
}

int RunSuite(int argc, char** argv, const Suite& suite) {
  // What a limit of a file's size stops is an error of the write (EFBIG).
  std::signal(SIGXFSZ, SIG_IGN);
  std::string interleave = "--benchmark_enable_random_interleaving=true";
  std::vector<char*> args(argv, argv + argc);
  args.insert(args.begin() + std::min(argc, 1), interleave.data());
  int count = static_cast<int>(args.size());
  args.push_back(nullptr);

  const auto is = [&](const char* word) {
    return std::any_of(args.begin(), args.end() - 1, [&](const char* arg) {
      return arg == std::string(word);
    });
  };
  if (is("--help")) PrintHelp(suite);
  const bool list = is("--benchmark_list_tests") ||
                    IsTrue(BenchmarkFlag(count, args.data(),
                                         "benchmark_list_tests", "false"));
  const std::string out =
      BenchmarkFlag(count, args.data(), "benchmark_out", "");
  const std::string format =
      BenchmarkFlag(count, args.data(), "benchmark_format", "console");
  const std::string out_format =
      BenchmarkFlag(count, args.data(), "benchmark_out_format", "json");
  const std::string repetitions_flag =
      BenchmarkFlag(count, args.data(), "benchmark_repetitions", "1");
  int repetitions;
  if (!absl::SimpleAtoi(repetitions_flag, &repetitions) || repetitions < 1) {
    return Refuse(absl::InvalidArgumentError(
        absl::StrCat("--benchmark_repetitions=", repetitions_flag,
                     ": must be a number from 1 on")));
  }
  benchmark::Initialize(&count, args.data());
  const std::vector<char*> rest = absl::ParseCommandLine(count, args.data());
  if (rest.size() > 1) {
    return Refuse(absl::InvalidArgumentError(absl::StrCat(
        rest[1], ": not a flag; flags begin with --, see --help")));
  }

  Progress progress;
  absl::Status status = CheckRowFlags();
  if (!status.ok()) return Refuse(status);
  status = suite.register_rows(progress);
  if (!status.ok()) {
    return Refuse(status);
  }
  if (list) {
    SetBenchmarkFlag(args[0], "--benchmark_list_tests=true");
    return benchmark::RunSpecifiedBenchmarks() > 0 ? 0 : 1;
  }
  const Interruption interruption;
  std::unique_ptr<ReportFile> report_file;
  if (!out.empty() && out_format == "json" && ReportFile::CanReplace(out)) {
    report_file = std::make_unique<ReportFile>(out);
    status = report_file->CheckWritable();
    if (!status.ok()) return Refuse(status);
    SetBenchmarkFlag(args[0], "--benchmark_out=/dev/null");
  }
  const size_t rows = CountMatchingRows(args[0]);
  if (rows == 0) return 1;
  PutBackReadAheads();
  // The library ends the process if it finds no descriptor for it later.
  benchmark::CPUInfo::Get();
  status = Caught("prepare the rows", [&] { return suite.prepare(progress); });
  progress.Clear();
  Interruption::Die();
  if (!status.ok()) return Refuse(status);
  for (const auto& [name, value] : DescribeMachine()) {
    benchmark::AddCustomContext(name, value);
  }
  progress.ExpectRepetitions(static_cast<int64_t>(rows) * repetitions);
  CheckedReporter display(std::unique_ptr<benchmark::BenchmarkReporter>(
                              benchmark::CreateDefaultDisplayReporter()),
                          format == "console" ? std::cout : std::cerr);
  const bool json = !out.empty() && out_format == "json";
  const ReportFile* const whole = report_file.get();
  std::unique_ptr<benchmark::BenchmarkReporter> report = std::move(report_file);
  if (report == nullptr) report = std::make_unique<benchmark::JSONReporter>();
  CheckedReporter file(std::move(report), std::cerr);
  benchmark::RunSpecifiedBenchmarks(&display, json ? &file : nullptr);
  progress.Clear();
  for (const auto& [failed, where] :
       {std::pair(display.write_failed(), std::string("standard output")),
        std::pair(file.write_failed(), out)}) {
    if (!failed) continue;
    status.Update(absl::DataLossError(absl::StrCat(
        "write ", where, ": the report is incomplete; is the disk full?")));
  }
  if (whole != nullptr && progress.ended() > 0) status.Update(whole->Write());
  if (!status.ok()) Refuse(status);
  if (progress.Stops()) {
    std::fprintf(stderr, "interrupted: %d of %d repetitions were run\n",
                 static_cast<int>(progress.ended()),
                 static_cast<int>(progress.expected()));
  }
  if (!progress.hanging().empty()) LeaveHanging();
  benchmark::Shutdown();
  suite.end();
  const bool left = PutBackReadAheads();
  Interruption::Die();
  return !status.ok() || progress.any_failed() || left ? 1 : 0;
}

}  // namespace pagestall
