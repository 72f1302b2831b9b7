#include "bench/run/row_timeout.h"

#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "lib/file/exception_status.h"

ABSL_FLAG(
    int64_t, row_timeout, 0,
    "seconds that storage may keep the opening of the dataset waiting, or a "
    "repetition,\n      in its window or beside it: then it has failed, and "
    "with it all that were to\n      follow. Default: no limit");

namespace pagestall {
namespace {

constexpr int64_t kMaxRowTimeout = int64_t{1} << 30;

}  // namespace

absl::Status RunWithTimeout(const char* operation,
                            const std::function<absl::Status()>& work,
                            std::optional<Phase>& hangs) {
  const int64_t seconds = absl::GetFlag(FLAGS_row_timeout);
  if (seconds == 0) return Caught(operation, work);
  const auto status = std::make_shared<absl::Status>();
  absl::Status started = Caught("start a thread for --row_timeout", [&] {
    hangs = RunFor(std::chrono::seconds(seconds),
                   [=, &work] { *status = Caught(operation, work); });
    return absl::OkStatus();
  });
  if (!started.ok()) return started;
  if (!hangs) return *status;
  return absl::DeadlineExceededError(
      absl::StrCat("--row_timeout: not over after ", seconds, " s, still ",
                   Name(*hangs), "; the storage may never answer"));
}

void CheckRowTimeout(FlagReader& flags) {
  flags.Read(FLAGS_row_timeout, 0, kMaxRowTimeout);
}

}  // namespace pagestall
