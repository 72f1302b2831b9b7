#ifndef PAGESTALL_BENCH_CHECK_FLAG_H_
#define PAGESTALL_BENCH_CHECK_FLAG_H_

#include <cstdint>

#include "absl/status/status.h"

namespace pagestall {

// InvalidArgument, naming the flag and what it may be, for a value outside of
// it.
absl::Status CheckFlag(const char* name, int64_t value, int64_t least,
                       int64_t most);

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_CHECK_FLAG_H_
