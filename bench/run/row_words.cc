#include "bench/run/row_words.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "fixtures/window/counters.h"
#include "lib/executor/executors.h"
#include "lib/source/sources.h"

namespace pagestall {
namespace {

template <typename Entry>
std::string Lines(absl::Span<const Entry> table) {
  return absl::StrJoin(table, "\n", [](std::string* out, const Entry& one) {
    absl::StrAppend(out, one.name, ": ", one.words);
  });
}

}  // namespace

std::vector<std::pair<std::string, std::string>> RowWords() {
  return {{"words_exec", Lines(Executors())},
          {"words_io", Lines(Sources())},
          {"words_counters",
           absl::StrJoin(CounterWords(), "\n", absl::PairFormatter(": "))}};
}

}  // namespace pagestall
