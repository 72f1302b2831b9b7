// The article's experiment: the strided sum of the dataset by every executor
// and source that it compares, cold and warm.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "bench/rows/scan_rows.h"
#include "fixtures/window/repetition.h"

namespace pagestall {
namespace {

double Min(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

void RegisterRows(ScanRows& scans, Rows& rows) {
  for (const ScanConfig& row : scans.EveryRow()) {
    if (!IsOfTheArticle(row.source)) continue;
    scans.Add(rows, "scan", row)->ComputeStatistics("min", Min);
  }
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::ScanRows suite(
      "How long does a strided sum of the dataset take by mmap and by read,\n"
      "on one thread, on a thread per file and on an async executor, cold and "
      "warm?",
      pagestall::RegisterRows);
  return pagestall::RunSuite(argc, argv, suite);
}
