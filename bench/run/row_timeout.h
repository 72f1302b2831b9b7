#ifndef PAGESTALL_BENCH_RUN_ROW_TIMEOUT_H_
#define PAGESTALL_BENCH_RUN_ROW_TIMEOUT_H_

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "bench/run/flag_reader.h"
#include "fixtures/machine/may_hang.h"

namespace pagestall {

// Runs `work`, the `operation`, which waits for storage, for as long as
// --row_timeout lets it: DeadlineExceeded, and in which phase it `hangs`, if
// that is over (MayHang, after which the process can only be left). Without
// that flag on the calling thread. What it throws is an error as well.
absl::Status RunWithTimeout(const char* operation,
                            const std::function<absl::Status()>& work,
                            std::optional<Phase>& hangs);

// Whether --row_timeout makes sense.
void CheckRowTimeout(FlagReader& flags);

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_ROW_TIMEOUT_H_
