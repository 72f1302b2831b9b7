#ifndef PAGESTALL_LIB_FILE_SURVIVES_H_
#define PAGESTALL_LIB_FILE_SURVIVES_H_

#include <unistd.h>

#include "absl/functional/function_ref.h"

namespace pagestall {

// Whether a process survives these system calls: a sandbox may answer what it
// does not know with death (SECCOMP_RET_KILL_PROCESS and _TRAP, seccomp(2)).
// They are made by a child that has this process's memory, and descriptors of
// its own, while the calling thread waits: nothing is copied, and nobody hears
// of the child's end (clone(2) with CLONE_VM and CLONE_VFORK, without SIGCHLD).
// True where no child can be started. `calls` makes them by syscall(2) and does
// nothing else. Any thread; some 100 us, so ask once.
bool SurvivesCalls(absl::FunctionRef<void()> calls);

// The same of one system call, asked once. It is made with arguments that no
// call takes: a descriptor and an address of -1.
template <long kCall>
bool SurvivesCall() {
  static const bool survives =
      SurvivesCalls([] { syscall(kCall, -1L, -1L, -1L, -1L, -1L, -1L); });
  return survives;
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_SURVIVES_H_
