#include "bench/run/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "fixtures/machine/interruption.h"

namespace pagestall {
namespace {

constexpr char kEraseLine[] = "\r\x1b[K";

std::string Minutes(double seconds) {
  const int64_t whole = std::llround(seconds);
  return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
}

size_t TerminalWidth() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
  return known && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::ExpectRepetitions(int64_t total) {
  repetitions_ = total;
  begun_ = 0;
  start_ = std::chrono::steady_clock::now();
}

void Progress::BeginRepetition(absl::string_view row) {
  const int64_t done = begun_++;
  std::string left = "?";
  if (done > 0) {
    const std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start_;
    left = Minutes(elapsed.count() / static_cast<double>(done) *
                   static_cast<double>(repetitions_ - done));
  }
  Draw(absl::StrFormat("%d of %d done, %s left: %s", done, repetitions_, left,
                       row));
}

void Progress::Say(const std::string& line) {
  Clear();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Progress::Writes(uint64_t bytes_done, uint64_t bytes_total) {
  Draw(absl::StrFormat("making the dataset: %d of %d MiB", bytes_done >> 20,
                       bytes_total >> 20));
}

bool Progress::Stops() { return Interruption::Requested(); }

void Progress::Clear() {
  if (terminal_) std::fputs(kEraseLine, stderr);
}

void Progress::Draw(absl::string_view text) {
  if (!terminal_) return;
  // One column stays free: a full line would wrap.
  const std::string shown(text.substr(0, TerminalWidth() - 1));
  std::fprintf(stderr, "%s%s", kEraseLine, shown.c_str());
}

}  // namespace pagestall
