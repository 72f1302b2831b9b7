#ifndef PAGESTALL_LIB_PROBE_PROCESS_USAGE_H_
#define PAGESTALL_LIB_PROBE_PROCESS_USAGE_H_

#include <cstdint>
#include <optional>

namespace pagestall {

// What the kernel has charged to this process, all its threads and those that
// have ended: totals since its start, or between two readings.
struct ProcessUsage {
  // getrusage(2). A fault on a page that read-ahead already has in flight
  // counts as minor although it sleeps.
  int64_t major_faults = 0;
  int64_t minor_faults = 0;
  int64_t voluntary_switches = 0;

  // What this process had the storage layer fetch (read_bytes of
  // /proc/self/io, proc(5)): read-ahead counts for who caused it, pages that
  // were cached do not count, nor does what a FUSE server reads. Empty where
  // the kernel or a sandbox hides it.
  std::optional<uint64_t> device_read_bytes;

  static ProcessUsage Now();
};

ProcessUsage operator-(const ProcessUsage& after, const ProcessUsage& before);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_PROCESS_USAGE_H_
