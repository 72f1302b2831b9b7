#ifndef PAGESTALL_LIB_PROBE_CPU_LIMIT_H_
#define PAGESTALL_LIB_PROBE_CPU_LIMIT_H_

#include <chrono>
#include <optional>

namespace pagestall {

// How many CPUs' time this process's control groups let it have, as far as they
// are visible (cpu.max, or cpu.cfs_quota_us by cpu.cfs_period_us of version 1;
// cgroups(7), the kernel's sched-bwc.rst). Of the groups that it was in when
// first asked. Empty without a limit. Any thread.
std::optional<double> CpuLimit();

// For how long threads of those groups, other processes' too, were kept from
// running for the rest of a period because the limit was used up; the sum of
// all groups since they were made, whether they have a limit now or not. Empty
// where no group tells. Any thread.
std::optional<std::chrono::microseconds> ThrottledTime();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_CPU_LIMIT_H_
