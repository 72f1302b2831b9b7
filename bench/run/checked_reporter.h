#ifndef PAGESTALL_BENCH_RUN_CHECKED_REPORTER_H_
#define PAGESTALL_BENCH_RUN_CHECKED_REPORTER_H_

#include <benchmark/benchmark.h>

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "bench/run/outcome.h"

namespace pagestall {

// Hands what Google Benchmark reports on to `inner`, and watches it:
// - values that are no finite number are left out. The library writes NaN for
//   the coefficient of variation of a counter that is always 0, and JSON has no
//   NaN (RFC 8259);
// - a context that tools read says what rows are called for a person;
// - the name that the program was called by is made printable: JSON is UTF-8;
// - of the repetitions of a row that were not run because of an interruption it
//   keeps one, and none beside others that were run; aggregates say how
//   many were run;
// - write_failed() says that the report could not be written (a full disk),
//   which the library keeps to itself.
class CheckedReporter final : public benchmark::BenchmarkReporter {
 public:
  // `context_stream` takes what `inner` says about the machine to a person (the
  // library says it on stderr, where our progress is drawn), and `output` the
  // report, if not what the library chooses. `format` is json or console. They
  // and `outcomes`, which know what was run, must outlive this.
  CheckedReporter(std::unique_ptr<BenchmarkReporter> inner,
                  const std::string& format, const Outcomes& outcomes,
                  std::ostream& context_stream, std::ostream* output = nullptr)
      : inner_(std::move(inner)),
        is_for_tools_(format == "json"),
        outcomes_(outcomes),
        context_stream_(context_stream),
        output_(output) {}

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

  bool write_failed() const { return write_failed_; }

 private:
  std::unique_ptr<BenchmarkReporter> inner_;
  bool is_for_tools_;
  const Outcomes& outcomes_;
  std::ostream& context_stream_;
  std::ostream* output_;
  bool write_failed_ = false;
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_CHECKED_REPORTER_H_
