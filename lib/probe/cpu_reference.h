#ifndef PAGESTALL_LIB_PROBE_CPU_REFERENCE_H_
#define PAGESTALL_LIB_PROBE_CPU_REFERENCE_H_

#include <chrono>

namespace pagestall {

// How long a fixed computation takes now on this thread's CPU: a millisecond or
// so of sums over memory that its caches hold, always the same. A virtual CPU
// may share a core with others that its guest does not see, and then computes
// more slowly while they do: that looks like a change of what was measured
// unless something that never changes is measured beside it. Any thread.
std::chrono::nanoseconds TimeCpuReference();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_CPU_REFERENCE_H_
