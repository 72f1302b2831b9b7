#include "bench/run/checked_reporter.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "fixtures/machine/interruption.h"
#include "fixtures/window/counters.h"
#include "lib/executor/executors.h"
#include "lib/file/errno_status.h"
#include "lib/source/sources.h"

namespace pagestall {
namespace {

template <typename Entry>
std::string Lines(absl::Span<const Entry> table) {
  return absl::StrJoin(table, "\n", [](std::string* out, const Entry& one) {
    absl::StrAppend(out, one.name, ": ", one.words);
  });
}

// What the executors, sources and counters of rows are called for a person to
// read, for the tools (pagestall_tools/row_words.py): a line "name: words" for
// each, in the order of rows and of what they say.
void AddRowWords() {
  benchmark::AddCustomContext("words_exec", Lines(Executors()));
  benchmark::AddCustomContext("words_io", Lines(Sources()));
  benchmark::AddCustomContext(
      "words_counters",
      absl::StrJoin(CounterWords(), "\n", absl::PairFormatter(": ")));
}

}  // namespace

bool CheckedReporter::ReportContext(const Context& context) {
  // As this program was called.
  static const std::string& name =
      *new std::string(Printable(Context::executable_name));
  Context::executable_name = name.c_str();
  // There is one context for all reporters, the last of which is for tools if
  // any is.
  static bool has_words = false;
  if (is_for_tools_ && !has_words) {
    AddRowWords();
    has_words = true;
  }
  if (output_ != nullptr) SetOutputStream(output_);
  inner_->SetOutputStream(&GetOutputStream());
  inner_->SetErrorStream(&context_stream_);
  return inner_->ReportContext(context);
}

void CheckedReporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> kept = runs;
  const auto interrupted = std::stable_partition(
      kept.begin(), kept.end(),
      [](const Run& run) { return !Outcome::WasInterrupted(run); });
  const bool only = interrupted == kept.begin() && interrupted != kept.end();
  kept.erase(only ? std::next(interrupted) : interrupted, kept.end());
  for (Run& run : kept) {
    if (Interruption::Requested() && run.run_type == Run::RT_Aggregate) {
      run.iterations = outcomes_.ran(run.run_name.function_name);
    }
    for (auto counter = run.counters.begin(); counter != run.counters.end();) {
      counter = std::isfinite(counter->second.value)
                    ? std::next(counter)
                    : run.counters.erase(counter);
    }
  }
  inner_->ReportRuns(kept);
}

void CheckedReporter::Finalize() {
  inner_->Finalize();
  GetOutputStream().flush();
  write_failed_ = !GetOutputStream().good();
}

}  // namespace pagestall
