#ifndef PAGESTALL_BENCH_RUN_REPORT_FILE_H_
#define PAGESTALL_BENCH_RUN_REPORT_FILE_H_

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
// link stays one, the file it leads to is replaced; where it may be written but
// not replaced, and a device or a pipe, it is written to as it is.
class ReportFile {
 public:
  // Checks that Write() will be allowed to, before anything is measured.
  static absl::StatusOr<std::unique_ptr<ReportFile>> Open(
      const std::string& path);
  ReportFile(const ReportFile&) = delete;
  ReportFile& operator=(const ReportFile&) = delete;
  ~ReportFile();

  // What Write() is to write.
  std::ostream& text() { return text_; }

  // A file that may be opened for writing and of which nobody reads what is
  // written to it, as Google Benchmark wants one beside a reporter. To be asked
  // for once, and to be written no more when Write() is called.
  absl::StatusOr<std::string> Unread();

  // Once the run has ended.
  absl::Status Write();

 private:
  explicit ReportFile(std::string path) : path_(std::move(path)) {}

  absl::Status CheckWritable();
  absl::Status WriteInPlace() const;
  void RemoveUnread();
  std::string Temporary() const;

  const std::string path_;
  std::ostringstream text_;
  std::ofstream special_;  // open if it is no regular file
  bool replaceable_ = false;
  bool has_unread_ = false;  // the temporary
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_REPORT_FILE_H_
