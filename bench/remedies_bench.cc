// The ways out: the same scan by everything that Linux offers instead of
// touching a mapping on the executor, next to the hazard itself.

#include <benchmark/benchmark.h>

#include "absl/strings/string_view.h"
#include "bench/row.h"
#include "bench/row_name.h"
#include "bench/scan_suite.h"
#include "bench/suite.h"
#include "fixtures/scan_benchmark.h"

namespace pagestall {
namespace {

// Every source on the async executor, and what it is measured against.
bool Belongs(const ScanConfig& row) {
  const absl::string_view executor = row.executor.name;
  const absl::string_view source = row.source.name;
  return executor == "async" || (executor == "threads" && source == "mmap") ||
         (executor == "seq" && source == "read");
}

absl::Status RegisterRows(ScanSuite& scans, Rows& rows) {
  for (const ScanConfig& row : scans.EveryRow()) {
    if (Belongs(row)) scans.Add(rows, "scan", row);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  return pagestall::RunScanSuite(
      argc, argv,
      "What to do instead of touching a mapping on an async executor, and what "
      "does\neach way cost? The same scan by every source, cold and warm.",
      pagestall::RegisterRows);
}
