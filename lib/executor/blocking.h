#ifndef PAGESTALL_LIB_EXECUTOR_BLOCKING_H_
#define PAGESTALL_LIB_EXECUTOR_BLOCKING_H_

#include <memory>

#include "absl/status/statusor.h"
#include "lib/executor/scan.h"
#include "lib/source/source.h"

namespace pagestall {

// One thread, one file after another.
absl::StatusOr<std::unique_ptr<Scan>> PrepareSeq(const Source& source,
                                                 const ScanSpec& spec);

// A thread per file, started inside the window.
absl::StatusOr<std::unique_ptr<Scan>> PrepareThreads(const Source& source,
                                                     const ScanSpec& spec);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_BLOCKING_H_
