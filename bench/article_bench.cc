// The article's experiment: the strided sum of the dataset by every executor
// and source that it compares, cold and warm.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "bench/rows/scan_row_name.h"
#include "bench/rows/scan_rows.h"
#include "bench/run/row.h"
#include "bench/run/suite.h"
#include "fixtures/window/repetition.h"

namespace pagestall {
namespace {

double Min(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

absl::Status RegisterRows(ScanRows& scans, Rows& rows) {
  for (const ScanConfig& row : scans.EveryRow()) {
    if (!IsOfTheArticle(row.source)) continue;
    scans.Add(rows, "scan", row)->ComputeStatistics("min", Min);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  return pagestall::RunScanSuite(
      argc, argv,
      "How long does a strided sum of the dataset take by mmap and by read,\n"
      "on one thread, on a thread per file and on an async executor, cold and "
      "warm?",
      pagestall::RegisterRows);
}
