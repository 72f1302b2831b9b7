#include "bench/run/suite.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/run/benchmark_flags.h"
#include "bench/run/checked_reporter.h"
#include "bench/run/machine_context.h"
#include "bench/run/report_file.h"
#include "bench/run/row.h"
#include "bench/run/row_timeout.h"
#include "fixtures/machine/interruption.h"
#include "fixtures/machine/may_hang.h"
#include "fixtures/machine/trapped_calls.h"
#include "fixtures/read_ahead/device_read_ahead.h"
#include "lib/file/errno_status.h"

namespace pagestall {
namespace {

constexpr int kStandardStreams[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};

// Ours first; Google Benchmark's Initialize() prints its own and exits.
void PrintHelp(const Suite& suite) {
  std::printf("%s\n\n", suite.Question());
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
}

// What is printed may be kept back until it cannot be written.
absl::Status FlushStandardOutput() {
  std::cout.flush();
  const bool written = std::fflush(stdout) == 0;
  const int error = errno;
  if (written && std::cout.good()) return absl::OkStatus();
  return ErrnoStatus(written ? EIO : error, "write standard output");
}

int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", Printable(status.message()).c_str());
  return 1;
}

// Leaves the process although a thread still uses all that there is. The kernel
// may wait for that thread, so that those who read what was printed must not.
[[noreturn]] void LeaveHanging() {
  std::fflush(nullptr);
  for (const int fd : kStandardStreams) close(fd);
  DeviceReadAhead::PutBackAll();
  Interruption::Die();
  std::_Exit(1);
}

// Else the next file that is opened would be what is printed to. The root
// directory cannot be written to, and is there where /dev/null is not.
void ReserveStandardStreams() {
  for (const int fd : kStandardStreams) {
    if (fcntl(fd, F_GETFD) < 0) open("/", O_RDONLY);
  }
}

std::unique_ptr<benchmark::BenchmarkReporter> NewReporter(
    const std::string& format) {
  if (format == "json") return std::make_unique<benchmark::JSONReporter>();
  return std::make_unique<benchmark::ConsoleReporter>(
      benchmark::ConsoleReporter::OO_None);
}

}  // namespace

int RunSuite(int argc, char** argv, Suite& suite) {
  ReserveStandardStreams();
  AnswerTrappedCalls();
  // What a limit of a file's size stops is an error of the write (EFBIG).
  std::signal(SIGXFSZ, SIG_IGN);
  std::string interleave = "--benchmark_enable_random_interleaving=true";
  std::vector<char*> args(argv, argv + argc);
  args.insert(args.begin() + std::min(argc, 1), interleave.data());
  int count = static_cast<int>(args.size());
  args.push_back(nullptr);

  if (std::find(args.begin(), args.end() - 1, absl::string_view("--help")) !=
      args.end() - 1) {
    PrintHelp(suite);
    const absl::Status printed = FlushStandardOutput();
    if (!printed.ok()) return Refuse(printed);
  }
  const absl::StatusOr<BenchmarkFlags> flags =
      ReadBenchmarkFlags(count, args.data());
  if (!flags.ok()) return Refuse(flags.status());
  benchmark::Initialize(&count, args.data());
  absl::Status status = CheckBenchmarkTookItsFlags(count, args.data());
  if (!status.ok()) return Refuse(status);
  const std::vector<char*> rest = absl::ParseCommandLine(count, args.data());
  if (rest.size() > 1) {
    return Refuse(absl::InvalidArgumentError(absl::StrCat(
        rest[1], ": not a flag; flags begin with --, see --help")));
  }

  Progress progress;
  Outcomes outcomes;
  Rows rows(progress, outcomes);
  CheckRowTimeout(rows.flags());
  suite.RegisterRows(rows);
  if (!rows.flags().status().ok()) return Refuse(rows.flags().status());
  if (flags->list) {
    SetBenchmarkFlag(args[0], "--benchmark_list_tests=true");
    const bool any = benchmark::RunSpecifiedBenchmarks() > 0;
    const absl::Status printed = FlushStandardOutput();
    if (!printed.ok()) return Refuse(printed);
    return any ? 0 : 1;
  }
  // Nor does a reader who goes away end what others read (EPIPE).
  std::signal(SIGPIPE, SIG_IGN);
  const Interruption interruption;
  std::unique_ptr<ReportFile> report_file;
  if (!flags->out.empty()) {
    absl::StatusOr<std::unique_ptr<ReportFile>> opened =
        ReportFile::Open(flags->out);
    if (!opened.ok()) return Refuse(opened.status());
    report_file = *std::move(opened);
  }
  const size_t matching = CountMatchingRows(args[0]);
  if (matching == 0) return 1;
  // The library ends the process if it finds no descriptor for it later.
  benchmark::CPUInfo::Get();
  std::optional<Phase> hangs;
  status = RunWithTimeout(
      "prepare the rows", [&] { return suite.Prepare(progress); }, hangs);
  progress.Clear();
  if (!status.ok() && !absl::IsCancelled(status)) Refuse(status);
  if (hangs) LeaveHanging();
  Interruption::Die();
  if (!status.ok()) return 1;
  for (const auto& [name, value] : DescribeMachine()) {
    benchmark::AddCustomContext(name, value);
  }
  progress.ExpectRepetitions(static_cast<int64_t>(matching) *
                             flags->repetitions);
  CheckedReporter display(std::unique_ptr<benchmark::BenchmarkReporter>(
                              benchmark::CreateDefaultDisplayReporter()),
                          flags->format, outcomes,
                          flags->format == "console" ? std::cout : std::cerr);
  std::unique_ptr<CheckedReporter> file;
  if (report_file != nullptr) {
    file = std::make_unique<CheckedReporter>(
        NewReporter(flags->out_format), flags->out_format, outcomes,
        report_file->text(), &report_file->text());
    const absl::StatusOr<std::string> unread = report_file->Unread();
    if (!unread.ok()) return Refuse(unread.status());
    SetBenchmarkFlag(args[0], absl::StrCat("--benchmark_out=", *unread));
  }
  benchmark::RunSpecifiedBenchmarks(&display, file.get());
  progress.Clear();
  bool failed = false;  // what is not a row
  const auto fails = [&](const absl::Status& why) {
    failed = true;
    Refuse(why);
  };
  if (display.write_failed()) {
    fails(
        absl::DataLossError("write standard output: the report is "
                            "incomplete; is the disk full?"));
  }
  if (report_file != nullptr && progress.begun() > 0) {
    status = report_file->Write();
    if (!status.ok()) fails(status);
  }
  if (Interruption::Requested()) {
    std::fprintf(stderr, "interrupted: %lld of %lld repetitions were run\n",
                 static_cast<long long>(outcomes.ran()),
                 static_cast<long long>(progress.expected()));
  }
  if (!failed && outcomes.ExitCode() == Outcomes::kNothingMeasured) {
    Refuse(absl::UnimplementedError(
        "nothing was measured: no row is available here, each says why"));
  }
  if (!outcomes.hung().empty()) LeaveHanging();
  benchmark::Shutdown();
  suite.End();
  Interruption::Die();
  return failed || DeviceReadAhead::AnyLeft() ? 1 : outcomes.ExitCode();
}

}  // namespace pagestall
