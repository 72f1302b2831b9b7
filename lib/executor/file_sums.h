#ifndef PAGESTALL_LIB_EXECUTOR_FILE_SUMS_H_
#define PAGESTALL_LIB_EXECUTOR_FILE_SUMS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace pagestall {

// A slot per file for its sum or its error, each written by one thread only.
using FileSums = std::vector<absl::StatusOr<uint64_t>>;

// The sums, or the first error.
inline absl::StatusOr<std::vector<uint64_t>> Delivered(const FileSums& sums) {
  std::vector<uint64_t> values;
  values.reserve(sums.size());
  for (const absl::StatusOr<uint64_t>& sum : sums) {
    if (!sum.ok()) return sum.status();
    values.push_back(*sum);
  }
  return values;
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_FILE_SUMS_H_
