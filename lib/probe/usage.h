#ifndef PAGESTALL_LIB_PROBE_USAGE_H_
#define PAGESTALL_LIB_PROBE_USAGE_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "process.h"

// What the kernel has counted. Now() and the like return totals since some
// start; the difference of two is what happened in between. Any thread may call
// them, and none waits for a device.

namespace pagestall {

// getrusage(2). A fault on a page that read-ahead already has in flight counts
// as minor although it sleeps. A difference is one of the same thread's, or of
// the process's.
struct FaultsAndSwitches {
  int64_t major_faults = 0;
  int64_t minor_faults = 0;
  int64_t voluntary_switches = 0;    // the thread went to sleep
  int64_t involuntary_switches = 0;  // it was preempted

  static FaultsAndSwitches OfThisThread();
  // Of any thread of a process, by its gettid(2): from its tasks in proc(5).
  // NotFound when it has ended; Unimplemented where that is hidden; Unavailable
  // where it cannot be read now.
  static absl::StatusOr<FaultsAndSwitches> OfThread(
      pid_t thread, const Process& process = {});
  // All threads, and those that have ended; of another process without the
  // switches of those. Errors as above.
  static absl::StatusOr<FaultsAndSwitches> OfProcess(
      const Process& process = {});
};

// Whether getrusage(2) is answered, without which a difference says 0 of what
// happened to this process. PermissionDenied or Unimplemented where a sandbox
// refuses it.
absl::Status CheckUsageKnown();

// CPU time of a process, its own and the kernel's on its behalf (user and
// system time, getrusage(2)): of all threads, those that have ended and
// io_uring's workers among them. Of another process in clock ticks of 10 ms
// (proc_pid_stat(5)), and NotFound when it has ended.
absl::StatusOr<std::chrono::microseconds> ProcessCpuTime(
    const Process& process = {});

// What a process had the storage layer fetch, in bytes (read_bytes of
// proc_pid_io(5)): read-ahead counts for who caused it, pages that were cached
// do not count, nor does what a FUSE server reads. Empty where the kernel or a
// sandbox hides it.
std::optional<uint64_t> DeviceReadBytes(const Process& process = {});

// What happened to the whole machine. Empty where the kernel does not tell, or
// has counted backwards: the idle time in cpu_ticks may (proc_stat(5)), steal
// after a migration.
struct SystemUsage {
  // Time of all CPUs, and that part of it in which the hypervisor ran somebody
  // else instead (steal, proc_stat(5)); in clock ticks of 10 ms.
  std::optional<uint64_t> cpu_ticks;
  std::optional<uint64_t> steal_ticks;
  // Time in which some thread of the machine waited for IO, in microseconds:
  // "some" of /proc/pressure/io, the kernel's pressure stall information.
  std::optional<uint64_t> io_pressure_us;
  // ThrottledTime() of this process's control groups, in microseconds.
  std::optional<uint64_t> throttled_us;

  static SystemUsage Now();

  // 0 to 100. Empty as well where no tick has passed.
  std::optional<double> StealPercent() const;
};

// What happened to a process and this machine.
struct Usage {
  FaultsAndSwitches process;
  std::chrono::microseconds cpu_time{};
  std::optional<uint64_t> device_read_bytes;
  SystemUsage system;

  static Usage Now();
  // Of another process; errors as of FaultsAndSwitches::OfProcess().
  static absl::StatusOr<Usage> Of(const Process& process);
};

// Empty as well where it has counted backwards.
std::optional<uint64_t> Difference(const std::optional<uint64_t>& after,
                                   const std::optional<uint64_t>& before);

FaultsAndSwitches operator+(const FaultsAndSwitches& one,
                            const FaultsAndSwitches& other);
FaultsAndSwitches operator-(const FaultsAndSwitches& after,
                            const FaultsAndSwitches& before);
SystemUsage operator-(const SystemUsage& after, const SystemUsage& before);
Usage operator-(const Usage& after, const Usage& before);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_USAGE_H_
