#ifndef PAGESTALL_BENCH_SCAN_FLAGS_H_
#define PAGESTALL_BENCH_SCAN_FLAGS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "bench/dataset_flags.h"

namespace pagestall {

// A regression of a known size, injected to see that a gate finds it.
struct SlowDown {
  std::string source;
  int percent;  // of the time of each of its scans, which it takes longer
};

// What the flags of every binary that scans the dataset say.
struct ScanOptions {
  DatasetOptions data;
  uint64_t stride;
  size_t buffer_bytes;
  size_t chunk_bytes;  // 0: the source's own
  size_t ahead;        // 0: the source's own
  size_t yield_bytes;  // 0: no row yields
  // The report's context says so and no row's name: a gate compares rows of the
  // same name, and takes them for the same work as it would a real regression.
  std::optional<SlowDown> slow_down;
};

// Reads the parsed flags. InvalidArgument, naming the flag, for a value that
// makes no sense.
absl::StatusOr<ScanOptions> ScanOptionsFromFlags();

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_SCAN_FLAGS_H_
