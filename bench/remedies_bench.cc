// The ways out: the same scan by everything that Linux offers instead of
// touching a mapping on the executor, next to the hazard itself.

#include <benchmark/benchmark.h>

#include "absl/strings/string_view.h"
#include "bench/rows/scan_rows.h"
#include "fixtures/window/repetition.h"

namespace pagestall {
namespace {

// Every source on the executor of a service, and what it is measured against:
// a mapping by a thread for each file, and reads by a single one.
bool Belongs(const ScanConfig& row) {
  const Executor& executor = row.executor;
  if (executor.async) return IsOfAService(executor);
  return row.source.name ==
         absl::string_view(executor.at_once ? "mmap" : "read");
}

void RegisterRows(ScanRows& scans, Rows& rows) {
  for (const ScanConfig& row : scans.EveryRow()) {
    if (Belongs(row)) scans.Add(rows, "scan", row);
  }
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::ScanRows suite(
      "What to do instead of touching a mapping on an async executor, and what "
      "does\neach way cost? The same scan by every source, cold and warm.",
      pagestall::RegisterRows);
  return pagestall::RunSuite(argc, argv, suite);
}
