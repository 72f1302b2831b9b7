#ifndef PAGESTALL_LIB_PROBE_MACHINE_COSTS_H_
#define PAGESTALL_LIB_PROBE_MACHINE_COSTS_H_

#include <chrono>

#include "absl/status/statusor.h"

namespace pagestall {

// What the machine takes for what everything here is made of, now and on this
// thread's CPU: where page tables are kept by a hypervisor in software, say, a
// mapping costs what no name of a CPU explains. The least of some batches, for
// others may run meanwhile.
struct MachineCosts {
  std::chrono::nanoseconds system_call;  // that does nothing: close(-1)
  // The first write to a page of memory of one's own.
  std::chrono::nanoseconds anonymous_fault;
  // A touch of a page that is in the page cache and not mapped: of a file in
  // memory, of which the kernel maps neighbours as well (fault-around).
  std::chrono::nanoseconds resident_fault;
  // The first touch of such a neighbour, which takes no fault of this kernel's.
  std::chrono::nanoseconds first_touch;
};

// Takes 512 KiB of memory, and as long as ten times the faults in it (tens of
// milliseconds). Any thread; nothing else should want its CPU.
absl::StatusOr<MachineCosts> MeasureMachineCosts();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_MACHINE_COSTS_H_
