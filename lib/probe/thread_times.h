#ifndef PAGESTALL_LIB_PROBE_THREAD_TIMES_H_
#define PAGESTALL_LIB_PROBE_THREAD_TIMES_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>

#include "process.h"

namespace pagestall {

// The threads of a process, io_uring's workers among them, and the CPU time
// that each has had (the schedstat of each of its tasks, proc(5)). Any thread.
class ThreadTimes {
 public:
  static ThreadTimes Now(const Process& process = {});

  // How many of them have been started since `before`, or have worked since.
  // Not the calling thread. Threads that have ended are not known. Empty where
  // the kernel does not tell.
  //
  // Workers of io_uring outlive their ring: one that is idle wakes every few
  // seconds to see whether it should end, which is not work (less than 100 us).
  std::optional<size_t> OthersSince(const ThreadTimes& before) const;

 private:
  std::map<pid_t, std::chrono::nanoseconds> times_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_THREAD_TIMES_H_
