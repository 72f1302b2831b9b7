#include "bench/checked_reporter.h"

#include <cmath>
#include <iterator>
#include <string>

#include "lib/file/errno_status.h"

namespace pagestall {

bool CheckedReporter::ReportContext(const Context& context) {
  // As this program was called.
  static const std::string& name =
      *new std::string(Printable(Context::executable_name));
  Context::executable_name = name.c_str();
  inner_->SetOutputStream(&GetOutputStream());
  inner_->SetErrorStream(&context_stream_);
  return inner_->ReportContext(context);
}

void CheckedReporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> finite = runs;
  for (Run& run : finite) {
    for (auto counter = run.counters.begin(); counter != run.counters.end();) {
      counter = std::isfinite(counter->second.value)
                    ? std::next(counter)
                    : run.counters.erase(counter);
    }
  }
  inner_->ReportRuns(finite);
}

void CheckedReporter::Finalize() {
  inner_->Finalize();
  GetOutputStream().flush();
  write_failed_ = !GetOutputStream().good();
}

}  // namespace pagestall
