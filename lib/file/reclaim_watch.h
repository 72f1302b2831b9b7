#ifndef PAGESTALL_LIB_FILE_RECLAIM_WATCH_H_
#define PAGESTALL_LIB_FILE_RECLAIM_WATCH_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/file/file.h"

namespace pagestall {

// Since when the kernel has left the files' pages in memory alone: whether it
// looks for some to take, or has taken some, shows in the sums of pgscan_file
// and pgsteal_file in /proc/vmstat (the first is counted before a page is
// unmapped; control groups' own reclaim counts as well). What drops pages
// without that: MADV_PAGEOUT, writes around the page cache (O_DIRECT), punched
// holes and truncation, and what a server or a FUSE daemon invalidates.
//
// Any thread, and one for the whole process: the file is read once in
// kPeriod, or once in a hundred times what that takes, but no less often than
// in kLongestPeriod; by whoever asks then, which takes some 15 microseconds and
// waits for no device. Other answers take a clock and a load.
class ReclaimWatch {
 public:
  static constexpr std::chrono::nanoseconds kPeriod{
      std::chrono::milliseconds(4)};
  static constexpr std::chrono::nanoseconds kLongestPeriod{
      std::chrono::milliseconds(25)};
  // While pages go, more will: for so long after, nothing is believed.
  static constexpr std::chrono::nanoseconds kQuiet{
      std::chrono::milliseconds(10)};

  // A point in time, of a clock that ticks as the kernel's jiffies do
  // (CLOCK_MONOTONIC_COARSE, at most 10 ms); and what was known then.
  struct Moment {
    std::chrono::nanoseconds now{0};
    // When pages were last seen to have gone; they went before.
    std::chrono::nanoseconds reclaimed{0};

    bool quiet() const { return now - reclaimed >= kQuiet; }
    // Whether what was seen at `then`, and lasts for `lifetime`, may be
    // believed.
    bool Believes(std::chrono::nanoseconds then,
                  std::chrono::nanoseconds lifetime) const {
      return then > reclaimed && now - then <= lifetime && quiet();
    }
  };

  // Where the kernel does not tell, nothing is believed.
  static ReclaimWatch& OfProcess();

  // Of another file that looks like /proc/vmstat.
  explicit ReclaimWatch(const std::string& path);

  Moment Look() {
    const std::chrono::nanoseconds now = Now();
    if (now.count() >= next_.load(std::memory_order_relaxed)) LookAgain(now);
    return {now, std::chrono::nanoseconds(
                     reclaimed_.load(std::memory_order_acquire))};
  }

  bool can_tell() const { return file_.ok(); }

  static std::chrono::nanoseconds Now();

 private:
  std::optional<uint64_t> ReadCount() const;
  void LookAgain(std::chrono::nanoseconds now);

  const absl::StatusOr<File> file_;
  std::mutex mutex_;  // of who reads; nobody waits for it
  std::optional<uint64_t> count_;
  std::atomic<int64_t> next_ = 0;
  std::atomic<int64_t> reclaimed_ = 0;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_RECLAIM_WATCH_H_
