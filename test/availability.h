#ifndef PAGESTALL_TEST_AVAILABILITY_H_
#define PAGESTALL_TEST_AVAILABILITY_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/executor/executors.h"
#include "lib/source/source.h"
#include "test/page.h"
#include "test/temporary_directory.h"

namespace pagestall {

// Whether the kernel, the file system or a sandbox does not have what was asked
// for, rather than that it went wrong.
inline bool IsNotAvailable(const absl::Status& status) {
  return absl::IsUnimplemented(status) || absl::IsPermissionDenied(status);
}

inline absl::StatusOr<std::vector<uint64_t>> RunScan(const Executor& executor,
                                                     const Source& source,
                                                     const ScanSpec& spec) {
  auto scan = executor.prepare(source, spec);
  if (!scan.ok()) return scan.status();
  return (*scan)->Run();
}

// Scans a file of a page, where the tests' files are.
inline absl::Status TryScan(const Executor& executor, const Source& source) {
  const TemporaryDirectory directory;
  const ScanSpec spec{
      .paths = {directory.Write("file", std::vector<uint8_t>(kPage))},
      .stride = 512,
      .source_options = {.buffer_bytes = kPage, .chunk_bytes = kPage},
      .watchers = {}};
  return RunScan(executor, source, spec).status();
}

}  // namespace pagestall

// Skips the test, and says for want of what, where the source is not available.
#define SKIP_UNLESS_AVAILABLE(executor, source)                          \
  if (const absl::Status tried = ::pagestall::TryScan(executor, source); \
      ::pagestall::IsNotAvailable(tried)) {                              \
    GTEST_SKIP() << tried;                                               \
  }                                                                      \
  static_assert(true)

#endif  // PAGESTALL_TEST_AVAILABILITY_H_
