// Every source that brings in chunks, with chunks of every size and as many of
// them ahead as may be worth it.

#include <benchmark/benchmark.h>

#include <vector>

#include "bench/rows/scan_rows.h"
#include "fixtures/window/repetition.h"

namespace pagestall {
namespace {

constexpr size_t kChunkKib[] = {128, 256, 512, 1024, 2048, 4096};
constexpr size_t kAhead[] = {1, 2, 4, 8, 16};

// `row` with every chunk size, and number of chunks ahead if it uses them.
std::vector<ScanConfig> Swept(ScanConfig row) {
  std::vector<ScanConfig> rows;
  for (const size_t kib : kChunkKib) {
    row.scan.source_options.chunk_bytes = kib << 10;
    for (const size_t ahead : kAhead) {
      if (row.source.ahead > 0) row.scan.source_options.ahead = ahead;
      rows.push_back(row);
      if (row.source.ahead == 0) break;
    }
  }
  return rows;
}

void RegisterRows(ScanRows& scans, Rows& rows) {
  for (const ScanConfig& row : scans.EveryRow()) {
    if (!IsOfAService(row.executor) || row.source.chunk_bytes == 0) continue;
    for (const ScanConfig& one : Swept(row)) scans.Add(rows, "scan", one);
  }
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::ScanRows suite(
      "How large should the chunks of a remedy be, and how many should be "
      "brought in\nahead? --chunk_kib and --ahead are of no use here.",
      pagestall::RegisterRows);
  return pagestall::RunSuite(argc, argv, suite);
}
