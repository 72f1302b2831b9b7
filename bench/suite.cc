#include "bench/suite.h"

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
#include "bench/checked_reporter.h"
#include "bench/library_flags.h"
#include "bench/machine_context.h"
#include "bench/report_file.h"
#include "bench/row.h"
#include "fixtures/interruption.h"
#include "fixtures/may_hang.h"
#include "fixtures/put_back_on_signal.h"
#include "fixtures/read_ahead_record.h"
#include "lib/file/errno_status.h"

namespace pagestall {
namespace {

// What the process ends with where no row can run on this machine.
constexpr int kNothingMeasured = 3;

constexpr int kStandardStreams[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};

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
  std::fflush(nullptr);
  for (const int fd : kStandardStreams) close(fd);
  Interruption::Die();
  PutBackOnSignal::PutBackAll();
  std::_Exit(1);
}

// Else the next file that is opened would be what is printed to.
void ReserveStandardStreams() {
  for (const int fd : kStandardStreams) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", O_RDONLY);
  }
}

std::unique_ptr<benchmark::BenchmarkReporter> NewReporter(
    const std::string& format) {
  if (format == "json") return std::make_unique<benchmark::JSONReporter>();
  return std::make_unique<benchmark::ConsoleReporter>(
      benchmark::ConsoleReporter::OO_None);
}

}  // namespace

absl::Status CheckFlag(const char* name, int64_t value, int64_t least,
                       int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--", name, "=", value, ": must be from ", least, " to ", most));
}

int RunSuite(int argc, char** argv, const Suite& suite) {
  ReserveStandardStreams();
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
  const absl::StatusOr<LibraryFlags> flags =
      ReadLibraryFlags(count, args.data());
  if (!flags.ok()) return Refuse(flags.status());
  benchmark::Initialize(&count, args.data());
  absl::Status status = CheckLibraryTookItsFlags(count, args.data());
  if (!status.ok()) return Refuse(status);
  const std::vector<char*> rest = absl::ParseCommandLine(count, args.data());
  if (rest.size() > 1) {
    return Refuse(absl::InvalidArgumentError(absl::StrCat(
        rest[1], ": not a flag; flags begin with --, see --help")));
  }

  Progress progress;
  status = CheckRowFlags();
  if (status.ok()) status = suite.register_rows(progress);
  if (!status.ok()) return Refuse(status);
  if (flags->list) {
    SetLibraryFlag(args[0], "--benchmark_list_tests=true");
    const bool any = benchmark::RunSpecifiedBenchmarks() > 0;
    const absl::Status printed = FlushStandardOutput();
    if (!printed.ok()) return Refuse(printed);
    return any ? 0 : 1;
  }
  const Interruption interruption;
  std::unique_ptr<ReportFile> report_file;
  if (!flags->out.empty()) {
    absl::StatusOr<std::unique_ptr<ReportFile>> opened =
        ReportFile::Open(flags->out);
    if (!opened.ok()) return Refuse(opened.status());
    report_file = *std::move(opened);
  }
  const size_t rows = CountMatchingRows(args[0]);
  if (rows == 0) return 1;
  PutBackReadAheads();
  // The library ends the process if it finds no descriptor for it later.
  benchmark::CPUInfo::Get();
  std::optional<Phase> hangs;
  status = RunWithTimeout(
      "prepare the rows", [&] { return suite.prepare(progress); }, hangs);
  progress.Clear();
  if (!status.ok() && !absl::IsCancelled(status)) Refuse(status);
  if (hangs) LeaveHanging();
  Interruption::Die();
  if (!status.ok()) return 1;
  for (const auto& [name, value] : DescribeMachine()) {
    benchmark::AddCustomContext(name, value);
  }
  progress.ExpectRepetitions(static_cast<int64_t>(rows) * flags->repetitions);
  CheckedReporter display(std::unique_ptr<benchmark::BenchmarkReporter>(
                              benchmark::CreateDefaultDisplayReporter()),
                          progress,
                          flags->format == "console" ? std::cout : std::cerr);
  std::unique_ptr<CheckedReporter> file;
  if (report_file != nullptr) {
    file = std::make_unique<CheckedReporter>(NewReporter(flags->out_format),
                                             progress, report_file->text(),
                                             &report_file->text());
    SetLibraryFlag(args[0], "--benchmark_out=/dev/null");
  }
  benchmark::RunSpecifiedBenchmarks(&display, file.get());
  progress.Clear();
  bool failed = progress.any_failed();
  if (display.write_failed()) {
    failed = true;
    Refuse(absl::DataLossError(
        "write standard output: the report is incomplete; is the disk full?"));
  }
  if (report_file != nullptr && progress.begun() > 0) {
    status = report_file->Write();
    failed = failed || !status.ok();
    if (!status.ok()) Refuse(status);
  }
  if (progress.Stops()) {
    std::fprintf(stderr, "%s\n",
                 absl::StrCat("interrupted: ", progress.ran(), " of ",
                              progress.expected(), " repetitions were run")
                     .c_str());
  }
  const bool nothing = !failed && !progress.Stops() && !progress.any_measured();
  if (nothing) {
    Refuse(absl::UnimplementedError(
        "nothing was measured: no row is available here, each says why"));
  }
  if (!progress.hanging().empty()) LeaveHanging();
  benchmark::Shutdown();
  suite.end();
  const bool left = PutBackReadAheads();
  Interruption::Die();
  if (failed || left) return 1;
  return nothing ? kNothingMeasured : 0;
}

}  // namespace pagestall
