#ifndef PAGESTALL_LIB_EXECUTOR_ASYNC_H_
#define PAGESTALL_LIB_EXECUTOR_ASYNC_H_

#include <memory>

#include "absl/status/statusor.h"
#include "lib/executor/scan.h"
#include "lib/source/source.h"

namespace pagestall {

// One thread that runs an asio::io_context, a coroutine per file, all started
// inside the window.
absl::StatusOr<std::unique_ptr<Scan>> PrepareAsync(const Source& source,
                                                   const ScanSpec& spec);

// The same thread, one coroutine that awaits one file after another.
absl::StatusOr<std::unique_ptr<Scan>> PrepareAsyncSeq(const Source& source,
                                                      const ScanSpec& spec);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_ASYNC_H_
