#include "lib/file/reclaim_watch.h"

#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace pagestall {
namespace {

using std::chrono::nanoseconds;

nanoseconds NowOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

// Of a line "<name> <count>".
std::optional<uint64_t> Field(absl::string_view text, absl::string_view name) {
  for (size_t at = text.find(name); at != absl::string_view::npos;
       at = text.find(name, at + 1)) {
    const absl::string_view rest = text.substr(at + name.size());
    if ((at > 0 && text[at - 1] != '\n') || rest.empty() || rest[0] != ' ') {
      continue;
    }
    uint64_t count;
    const absl::string_view digits = rest.substr(1, rest.find('\n') - 1);
    if (absl::SimpleAtoi(digits, &count)) return count;
  }
  return std::nullopt;
}

}  // namespace

ReclaimWatch& ReclaimWatch::OfProcess() {
  static auto& watch = *new ReclaimWatch("/proc/vmstat");
  return watch;
}

ReclaimWatch::ReclaimWatch(const std::string& path)
    : file_(File::Open(path, O_RDONLY)), count_(ReadCount()) {
  // Whatever went before nobody has believed in.
  if (count_) reclaimed_ = (Now() - kQuiet).count() - 1;
}

nanoseconds ReclaimWatch::Now() { return NowOf(CLOCK_MONOTONIC_COARSE); }

std::optional<uint64_t> ReclaimWatch::ReadCount() const {
  if (!file_.ok()) return std::nullopt;
  std::array<uint8_t, 32768> buffer;
  const absl::StatusOr<size_t> read = file_->Read(absl::MakeSpan(buffer), 0);
  if (!read.ok()) return std::nullopt;
  const absl::string_view text(reinterpret_cast<char*>(buffer.data()), *read);
  const auto scanned = Field(text, "pgscan_file");
  const auto stolen = Field(text, "pgsteal_file");
  if (!scanned || !stolen) return std::nullopt;
  return *scanned + *stolen;
}

void ReclaimWatch::LookAgain(nanoseconds now) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  const nanoseconds begin = NowOf(CLOCK_MONOTONIC);
  const std::optional<uint64_t> count = ReadCount();
  const nanoseconds took = NowOf(CLOCK_MONOTONIC) - begin;
  if (!count || count != count_) {
    reclaimed_.store(now.count(), std::memory_order_release);
  }
  count_ = count;
  next_.store((now + std::clamp(100 * took, kPeriod, kLongestPeriod)).count(),
              std::memory_order_relaxed);
}

}  // namespace pagestall
