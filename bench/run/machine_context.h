#ifndef PAGESTALL_BENCH_RUN_MACHINE_CONTEXT_H_
#define PAGESTALL_BENCH_RUN_MACHINE_CONTEXT_H_

#include <string>
#include <utility>
#include <vector>

namespace pagestall {

// What a result needs beside it to mean anything, as names and values for the
// report's context: kernel, CPUs, memory, hypervisor, page size, compiler and
// flags, versions of the libraries, commit; the limit of memory where one is
// set. What the system does not tell is "unknown".
std::vector<std::pair<std::string, std::string>> DescribeMachine();

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_MACHINE_CONTEXT_H_
