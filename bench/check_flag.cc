#include "bench/check_flag.h"

#include "absl/strings/str_cat.h"

namespace pagestall {

absl::Status CheckFlag(const char* name, int64_t value, int64_t least,
                       int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--", name, "=", value, ": must be from ", least, " to ", most));
}

}  // namespace pagestall
