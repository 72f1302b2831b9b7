// The article's experiment: the strided sum of the dataset by every executor
// and source that it compares, cold and warm.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "bench/row.h"
#include "bench/row_name.h"
#include "bench/scan_suite.h"
#include "bench/suite.h"
#include "fixtures/scan_benchmark.h"

namespace pagestall {
namespace {

double Min(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

absl::Status RegisterRows(ScanSuite& scans, Rows& rows) {
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
