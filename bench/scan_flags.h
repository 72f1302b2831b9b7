#ifndef PAGESTALL_BENCH_SCAN_FLAGS_H_
#define PAGESTALL_BENCH_SCAN_FLAGS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "bench/dataset_flags.h"

namespace pagestall {

// What the flags of every binary that scans the dataset say.
struct ScanOptions {
  DatasetOptions data;
  uint64_t stride;
  size_t buffer_bytes;
  size_t chunk_bytes;  // 0: the source's own
  size_t ahead;        // 0: the source's own
  size_t yield_bytes;  // 0: no row yields
};

// Reads the parsed flags. InvalidArgument, naming the flag, for a value that
// makes no sense.
absl::StatusOr<ScanOptions> ScanOptionsFromFlags();

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_SCAN_FLAGS_H_
