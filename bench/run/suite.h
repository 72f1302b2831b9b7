#ifndef PAGESTALL_BENCH_RUN_SUITE_H_
#define PAGESTALL_BENCH_RUN_SUITE_H_

#include "absl/status/status.h"
#include "bench/run/row.h"
#include "fixtures/dataset/dataset.h"

namespace pagestall {

// A benchmark binary, beside what all of them share.
class Suite {
 public:
  virtual ~Suite() = default;

  // The question that it answers, for --help.
  virtual const char* Question() const = 0;
  // Adds the rows, after the flags were parsed. What Rows::flags() refuses ends
  // the process before anything runs.
  virtual void RegisterRows(Rows& rows) = 0;
  // Makes what the rows need. Called once, if any row is to run.
  virtual absl::Status Prepare(DatasetObserver& observer) = 0;
  // Lets go of it and puts back what the rows have changed.
  virtual void End() {}
};

// The main() of every binary: parses Google Benchmark's flags and ours, lists
// or runs the rows (interleaved at random unless told otherwise), and returns
// the exit code: 0, or 1 when a flag, the preparation, a row or the writing of
// the report failed, no row matched, or a device's read-ahead could not be put
// back. A row that is not available has not failed; where no other was run, the
// code is 3. After an Interruption it reports what was measured, puts back, and
// dies of the signal. After a row that hangs (--row_timeout) it reports, puts
// back and leaves the process.
int RunSuite(int argc, char** argv, Suite& suite);

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_SUITE_H_
