#ifndef PAGESTALL_LIB_FILE_SURVIVES_H_
#define PAGESTALL_LIB_FILE_SURVIVES_H_

#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/functional/function_ref.h"

namespace pagestall {

// What calls tell who has them made, in memory that both have. 0 before.
using Answers = std::array<volatile int, 2>;

// Whether a process survives these system calls: a sandbox may answer what it
// does not know with death (SECCOMP_RET_KILL_PROCESS and _TRAP, seccomp(2)).
// They are made by a child that shares this process's descriptors, and from
// Linux 5.16 on its memory, while the calling thread waits: nothing is flushed,
// nor copied but page tables by older kernels, and no signal tells of the
// child's end (clone(2) with CLONE_FILES, CLONE_VM and CLONE_VFORK). Older
// kernels dump the core of all that share a memory, and end them with that.
// True as well where a limit is met, or the child would be the first process of
// a namespace, which would end with it (pid_namespaces(7)). False where a
// sandbox forbids to start one (EPERM, ENOSYS): it may well kill for others.
// One that kills for clone(2) kills.
//
// `calls` makes them by syscall(2), writes to its argument, and does nothing
// else; `answers` is what it has written, also before its death. What it opens,
// the caller closes. Any thread; filters are a thread's own, so the answer is
// that of the calling one. Takes a fraction of a millisecond, with page
// tables to be copied tens of milliseconds per GiB: ask once.
bool SurvivesCalls(absl::FunctionRef<void(Answers& answers)> calls,
                   Answers& answers);
// The same, with memory shared or copied whatever the kernel is.
bool SurvivesCalls(absl::FunctionRef<void(Answers& answers)> calls,
                   Answers& answers, bool share_memory);

// Whether that can be asked: no sandbox forbids to start a child.
bool MayAskFirst();

// The same of one system call, asked once in the process. It is made with
// arguments that no call takes: a descriptor and an address of -1.
template <int kCall>
bool SurvivesCall() {
  static const bool survives = [] {
    Answers none{};
    return SurvivesCalls(
        [](Answers&) { syscall(kCall, -1L, -1L, -1L, -1L, -1L, -1L); }, none);
  }();
  return survives;
}

// The result of `call`, which makes that system call; where a sandbox would
// kill for it, -1 and EPERM in errno, as a sandbox that only refuses answers.
// What such a sandbox may not know is called by this alone.
template <int kCall, typename Call>
auto AskedFirst(const Call& call) -> decltype(call()) {
  if (SurvivesCall<kCall>()) return call();
  errno = EPERM;
  return -1;
}

// The same of a call that every sandbox knows: made where it cannot be asked.
template <int kCall, typename Call>
auto AskedFirstIfPossible(const Call& call) -> decltype(call()) {
  return MayAskFirst() ? AskedFirst<kCall>(call) : call();
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_SURVIVES_H_
