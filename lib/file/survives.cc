#include "lib/file/survives.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace pagestall {
namespace {

constexpr size_t kStackBytes = size_t{64} << 10;

int Make(void* calls) {
  // Its end is no crash that anybody wants to look into.
  const rlimit none = {0, 0};
  syscall(SYS_prlimit64, 0, RLIMIT_CORE, &none, nullptr);
  (*static_cast<absl::FunctionRef<void()>*>(calls))();
  syscall(SYS_exit_group, 0);
  return 0;
}

}  // namespace

bool SurvivesCalls(absl::FunctionRef<void()> calls) {
  std::vector<std::max_align_t> stack(kStackBytes / sizeof(std::max_align_t));
  // No handler of this process may run in the child, but one that answers what
  // the sandbox catches.
  sigset_t all;
  sigset_t former;
  sigfillset(&all);
  sigdelset(&all, SIGSYS);
  pthread_sigmask(SIG_SETMASK, &all, &former);
  const int saved = errno;
  const pid_t child =
      clone(Make, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK, &calls);
  errno = saved;
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  if (child < 0) return true;
  int status = 0;
  while (waitpid(child, &status, __WCLONE) < 0) {
    if (errno != EINTR) return true;
  }
  return !WIFSIGNALED(status);
}

}  // namespace pagestall
