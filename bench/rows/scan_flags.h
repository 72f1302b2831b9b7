#ifndef PAGESTALL_BENCH_ROWS_SCAN_FLAGS_H_
#define PAGESTALL_BENCH_ROWS_SCAN_FLAGS_H_

#include <optional>
#include <string>

#include "bench/rows/dataset_flags.h"
#include "lib/executor/scan.h"

namespace pagestall {

// A regression of a known size, injected to see that a gate finds it.
struct SlowDown {
  std::string source;
  int percent;  // of the time of each of its scans, which it takes longer
};

// What the flags of every binary that scans the dataset say.
struct ScanOptions {
  DatasetOptions data;
  // Of the source's options, 0 is for the source's own. yield_bytes is for rows
  // that yield; 0: there are none.
  ScanSpec scan;
  // The report's context says so and no row's name: a gate compares rows of the
  // same name, and takes them for the same work as it would a real regression.
  std::optional<SlowDown> slow_down;
};

// Reads the parsed flags.
ScanOptions ReadScanOptions(FlagReader& flags);

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_ROWS_SCAN_FLAGS_H_
