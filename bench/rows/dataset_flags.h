#ifndef PAGESTALL_BENCH_ROWS_DATASET_FLAGS_H_
#define PAGESTALL_BENCH_ROWS_DATASET_FLAGS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/rows/data_directories.h"
#include "bench/run/flag_reader.h"
#include "fixtures/cache/page_cache_state.h"
#include "fixtures/dataset/dataset.h"
#include "fixtures/window/window.h"

namespace pagestall {

// What the flags of every binary that uses the dataset say.
struct DatasetOptions {
  std::vector<DataDirectory> directories;
  // The same in each of them.
  DatasetSpec dataset;
  EvictMethod evict;
  std::vector<std::optional<uint64_t>> read_aheads_kib;

  // Each directory with each read-ahead: every row exists once per place.
  std::vector<Place> Places() const;

  // Of a row's name: "/dir:disk/read_ahead_kib:128", as far as flags say more
  // than one directory or any read-ahead.
  std::string Axes(const Place& place) const;
};

// Reads the parsed flags.
DatasetOptions ReadDatasetOptions(FlagReader& flags);

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_ROWS_DATASET_FLAGS_H_
