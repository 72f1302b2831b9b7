#ifndef PAGESTALL_BENCH_DATASET_FLAGS_H_
#define PAGESTALL_BENCH_DATASET_FLAGS_H_

#include "absl/status/statusor.h"
#include "fixtures/dataset.h"
#include "fixtures/page_cache_state.h"

namespace pagestall {

// What the flags of every binary that uses the dataset say.
struct DatasetOptions {
  DatasetSpec dataset;
  EvictMethod evict;
};

// Reads the parsed flags. InvalidArgument, naming the flag, for a value that
// makes no sense.
absl::StatusOr<DatasetOptions> DatasetOptionsFromFlags();

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_DATASET_FLAGS_H_
