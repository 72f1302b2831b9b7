#ifndef PAGESTALL_BENCH_RUN_BENCHMARK_FLAGS_H_
#define PAGESTALL_BENCH_RUN_BENCHMARK_FLAGS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pagestall {

// What the flags of Google Benchmark say, which the library does not tell: the
// last one on the command line, else its environment variable's.
struct BenchmarkFlags {
  bool list = false;       // --benchmark_list_tests
  std::string format;      // "console" or "json", as the next one
  std::string out_format;  // of --benchmark_out
  std::string out;         // empty: none
  int64_t repetitions = 1;
};

// Reads them, before the library does. InvalidArgument where it would end the
// process in the middle of a run, or without saying why, or with 0 although
// nothing was measured.
absl::StatusOr<BenchmarkFlags> ReadBenchmarkFlags(int argc, char** argv);

// Of what benchmark::Initialize() has left of the command line: InvalidArgument
// if one of the library's flags is among it, which it does not know then or
// cannot take.
absl::Status CheckBenchmarkTookItsFlags(int argc, char** argv);

// Gives the library a flag, "--benchmark_out=..." say, after Initialize().
// `program` is argv[0], which it keeps a pointer to.
void SetBenchmarkFlag(char* program, std::string flag);

// How many rows --benchmark_filter picks, by the library's own reading of it.
// It says so on stderr when that is none. Afterwards there is no
// --benchmark_out.
size_t CountMatchingRows(char* program);

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_BENCHMARK_FLAGS_H_
