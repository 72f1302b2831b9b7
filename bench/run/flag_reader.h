#ifndef PAGESTALL_BENCH_RUN_FLAG_READER_H_
#define PAGESTALL_BENCH_RUN_FLAG_READER_H_

#include <cstdint>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace pagestall {

// Reads parsed flags, and keeps the first error.
class FlagReader {
 public:
  // InvalidArgument, naming the flag and what it may be, for a value that is
  // not from `least` to `most`, or no multiple of `unit`; it is then `least`.
  int64_t Read(const absl::Flag<int64_t>& flag, int64_t least, int64_t most,
               int64_t unit = 1) {
    const int64_t value = absl::GetFlag(flag);
    const bool in_range = value >= least && value <= most;
    if (in_range && value % unit == 0) return value;
    Add(absl::InvalidArgumentError(
        absl::StrCat("--", absl::GetFlagReflectionHandle(flag).Name(), "=",
                     value, ": must be ",
                     in_range ? absl::StrCat("a multiple of ", unit)
                              : absl::StrCat("from ", least, " to ", most))));
    return least;
  }

  // Of a flag that was parsed elsewhere: its value, or one by default.
  template <typename Value>
  Value Take(absl::StatusOr<Value> value) {
    if (value.ok()) return *std::move(value);
    Add(value.status());
    return Value();
  }

  // Another reason why the flags make no sense.
  void Add(const absl::Status& error) { status_.Update(error); }

  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_FLAG_READER_H_
