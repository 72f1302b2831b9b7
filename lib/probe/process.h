#ifndef PAGESTALL_LIB_PROBE_PROCESS_H_
#define PAGESTALL_LIB_PROBE_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pagestall {

// Whose files of proc(5) are read. Nothing is held: once a process has ended,
// another one may have its number. What is read of other processes takes the
// right to trace them for most files (proc_pid_io(5), ptrace(2)), else it is
// empty, as where a sandbox hides it.
class Process {
 public:
  // This one.
  Process() = default;
  explicit Process(pid_t id) : id_(id) {}

  // As given; of this one getpid(2).
  pid_t id() const;
  bool is_this() const;

  // Of /proc/<id>/`file`; of this process of the calling thread, which is there
  // also when the first one has ended.
  std::string Path(absl::string_view file) const;

  // Of /proc/<id>/task/<thread>/`file`.
  std::string Path(pid_t thread, absl::string_view file) const;

  // The directory of all threads.
  std::string tasks() const;

  // By their gettid(2), those that there are; none where that is hidden.
  std::vector<pid_t> Threads() const;

 private:
  pid_t id_ = 0;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_PROCESS_H_
