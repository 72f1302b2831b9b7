#ifndef PAGESTALL_BENCH_ROWS_SCAN_ROW_NAME_H_
#define PAGESTALL_BENCH_ROWS_SCAN_ROW_NAME_H_

#include <string>

#include "absl/strings/string_view.h"
#include "bench/rows/scan_flags.h"
#include "fixtures/window/scan_fixture.h"

namespace pagestall {

// "scan/exec:async/io:read/cache:cold/buffer_kib:64/files:8/mib:256/stride:512":
// all that decides a row's work and nothing else. Google Benchmark appends how
// it runs and times the row: "/iterations:1/real_time". `more` is "/key:value"s
// that the family adds.
std::string ScanRowName(absl::string_view family, const ScanConfig& row,
                        const ScanOptions& options,
                        absl::string_view more = "");

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_ROWS_SCAN_ROW_NAME_H_
