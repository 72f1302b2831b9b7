#ifndef PAGESTALL_BENCH_REPORT_FILE_H_
#define PAGESTALL_BENCH_REPORT_FILE_H_

#include <benchmark/benchmark.h>

#include <sstream>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace pagestall {

// The JSON of --benchmark_out, which gets its name when it is complete: what
// was there under the name stays until then, and nobody reads half a report.
class ReportFile final : public benchmark::JSONReporter {
 public:
  // Whether `path` names what can be replaced: a regular file, or nothing. A
  // pipe, a device and a link (/dev/stdout) are written as the run goes.
  static bool CanReplace(const std::string& path);

  explicit ReportFile(std::string path) : path_(std::move(path)) {}

  // Whether Write() will be allowed to: asked before anything is measured.
  absl::Status CheckWritable() const;

  bool ReportContext(const Context& context) override;

  // Once the run has ended.
  absl::Status Write() const;

 private:
  std::string Temporary() const;

  const std::string path_;
  std::ostringstream text_;
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_REPORT_FILE_H_
