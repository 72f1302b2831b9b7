#ifndef PAGESTALL_LIB_EXECUTOR_SCAN_H_
#define PAGESTALL_LIB_EXECUTOR_SCAN_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/kernel/strided_sum.h"
#include "lib/source/source.h"

namespace pagestall {

// Hears when an async scan (or other work, see lookups.h) begins and ends, so
// as to share its executor in between. Called on the executor's thread.
class ScanWatcher {
 public:
  virtual ~ScanWatcher() = default;
  // The window opens: nothing of the scan has run. What is started on
  // `executor` now comes before the scan.
  virtual void Begins(const asio::any_io_executor& executor) = 0;
  // The work is done: every file's sum is delivered. The executor runs on until
  // it has no work, so whatever was started must end. Or something has thrown:
  // then it is destroyed.
  virtual void Ends() = 0;
};

// What a scan sums: every `stride`-th byte (at least 1) of each file.
struct ScanSpec {
  std::vector<std::string> paths = {};
  uint64_t stride = 512;
  SourceOptions source_options = {};
  // Of async executors: a coroutine lets the others run after so many bytes of
  // what it was handed at once; 0: never.
  size_t yield_bytes = 0;
  // Instead of front to back, in blocks of so many bytes (a multiple of a page)
  // in an order that is random and the same each time; 0: front to back.
  size_t random_block_bytes = 0;
  std::optional<Prefetch> prefetch = std::nullopt;  // front to back only
  // Of async executors; the others call none. They must outlive the scan.
  std::vector<ScanWatcher*> watchers = {};
};

// A scan that is ready to start: its files are open (and mapped), its executor
// exists. Destroying it closes and unmaps.
class Scan {
 public:
  virtual ~Scan() = default;

  // The window: from here until every file's sum is delivered, in the order of
  // the paths. Runs on the calling thread or on threads of its own, which have
  // ended when it returns; when a file fails, the others are still summed and
  // the first error is returned. It ends when the watchers let it. Call once.
  virtual absl::StatusOr<std::vector<uint64_t>> Run() = 0;

  // How many threads of its own Run() had, which have ended.
  virtual size_t ended_threads() const { return 0; }
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_SCAN_H_
