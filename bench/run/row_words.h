#ifndef PAGESTALL_BENCH_RUN_ROW_WORDS_H_
#define PAGESTALL_BENCH_RUN_ROW_WORDS_H_

#include <string>
#include <utility>
#include <vector>

namespace pagestall {

// What the executors, sources and counters of rows are called for a person to
// read, as the report's context hands it to the tools
// (pagestall_tools/row_words.py): "words_exec", "words_io" and
// "words_counters", a line "name: words" for each, in the order of rows and of
// what they say.
std::vector<std::pair<std::string, std::string>> RowWords();

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_ROW_WORDS_H_
