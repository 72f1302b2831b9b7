#include "bench/run/flag_reader.h"

#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"

namespace pagestall {

int64_t FlagReader::Read(const absl::Flag<int64_t>& flag, int64_t least,
                         int64_t most, int64_t unit) {
  const int64_t value = absl::GetFlag(flag);
  const auto refuse = [&](const auto&... why) {
    Add(absl::InvalidArgumentError(
        absl::StrCat("--", absl::GetFlagReflectionHandle(flag).Name(), "=",
                     value, ": must be ", why...)));
  };
  if (value < least || value > most) {
    refuse("from ", least, " to ", most);
  } else if (value % unit != 0) {
    refuse("a multiple of ", unit);
  }
  return value;
}

}  // namespace pagestall
