#ifndef PAGESTALL_BENCH_REPORT_FILE_H_
#define PAGESTALL_BENCH_REPORT_FILE_H_

#include <fstream>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pagestall {

// Where --benchmark_out goes: kept until it is complete, so that nobody reads
// half a report, and what was there under the name stays until then. A symbolic
// link stays one, the file it leads to is replaced; a device or a pipe is
// written to as it is.
class ReportFile {
 public:
  // Checks that Write() will be allowed to, before anything is measured.
  static absl::StatusOr<std::unique_ptr<ReportFile>> Open(
      const std::string& path);

  // What Write() is to write.
  std::ostream& text() { return text_; }

  // Once the run has ended.
  absl::Status Write();

 private:
  explicit ReportFile(std::string path) : path_(std::move(path)) {}

  absl::Status CheckReplaceable() const;
  std::string Temporary() const;

  const std::string path_;
  std::ostringstream text_;
  std::ofstream special_;  // open if it is no regular file
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_REPORT_FILE_H_
