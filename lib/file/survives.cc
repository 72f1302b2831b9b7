#include "lib/file/survives.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "lib/file/kernel_version.h"

// clone(2) by the name that ThreadSanitizer does not replace: it takes each
// clone() for a fork(), after which it knows of no lock any more.
extern "C" int __clone(int (*run)(void*), void* stack, int flags,  // NOLINT
                       void* argument, ...);

namespace pagestall {
namespace {

constexpr size_t kStackBytes = size_t{64} << 10;

// In memory that the child has as well. Its end may be told to another thread,
// that waits for any child (__WALL, waitpid(2)).
struct Question {
  absl::FunctionRef<void(Answers&)> calls;
  bool no_core;  // to be asked for first
  volatile bool begun = false;
  volatile bool ended = false;
  Answers answers{};
};

int Ask(void* asked) {
  auto& question = *static_cast<Question*>(asked);
  // Its end is no crash that anybody wants to look into.
  const rlimit none = {0, 0};
  if (question.no_core) {
    syscall(SYS_prlimit64, 0, RLIMIT_CORE, &none, nullptr);
  }
  question.begun = true;
  question.calls(question.answers);
  question.ended = true;
  return 0;
}

// Before "coredump: Limit coredumps to a single thread group" (Linux 5.16).
bool KernelEndsWhoSharesMemory() { return KernelVersion() < std::pair(5, 16); }

// Whether a child would be in this process's namespace of processes, which is
// this thread's choice.
bool ChildrenAreOfThisNamespace() {
  constexpr char kChildren[] = "/proc/thread-self/ns/pid_for_children";
  struct stat own;
  struct stat children;
  if (stat("/proc/thread-self/ns/pid", &own) != 0 ||
      lstat(kChildren, &children) != 0) {
    return true;  // a kernel, or a sandbox, that does not tell
  }
  // It leads nowhere before the first of them (namespaces(7)).
  return stat(kChildren, &children) == 0 && own.st_ino == children.st_ino;
}

}  // namespace

bool MayAskFirst() {
  static const bool may_ask = [] {
    Answers none{};
    return SurvivesCalls([](Answers&) {}, none);
  }();
  return may_ask;
}

bool SurvivesCalls(absl::FunctionRef<void(Answers&)> calls, Answers& answers) {
  return SurvivesCalls(calls, answers, !KernelEndsWhoSharesMemory());
}

bool SurvivesCalls(absl::FunctionRef<void(Answers&)> calls, Answers& answers,
                   bool share_memory) {
  const int saved = errno;
  const absl::Cleanup restore_errno = [saved] { errno = saved; };
  if (!ChildrenAreOfThisNamespace()) return true;
  alignas(Question) std::byte own[sizeof(Question)];
  void* const memory =
      share_memory ? own
                   : mmap(nullptr, sizeof(Question), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return true;
  const absl::Cleanup unmap = [memory, share_memory] {
    if (!share_memory) munmap(memory, sizeof(Question));
  };
  std::vector<std::max_align_t> stack(kStackBytes / sizeof(std::max_align_t));
  // No handler of this process may run in the child, but one that answers what
  // the sandbox catches, where it may here.
  sigset_t all;
  sigset_t former;
  pthread_sigmask(SIG_SETMASK, nullptr, &former);
  sigfillset(&all);
  if (sigismember(&former, SIGSYS) == 0) sigdelset(&all, SIGSYS);
  const int shared = CLONE_FILES | CLONE_FS | (share_memory ? CLONE_VM : 0);
  // Again without what comes before, should that be what it kills for.
  for (const bool no_core : {true, false}) {
    auto& question = *new (memory) Question{.calls = calls, .no_core = no_core};
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    const pid_t child = __clone(Ask, stack.data() + stack.size(),
                                shared | CLONE_VFORK, &question);
    const int error = errno;
    pthread_sigmask(SIG_SETMASK, &former, nullptr);
    if (child < 0) return error != EPERM && error != ENOSYS;
    while (waitpid(child, nullptr, __WCLONE) < 0 && errno == EINTR) {
    }
    for (size_t i = 0; i < answers.size(); ++i) {
      answers[i] = question.answers[i];
    }
    if (question.begun) return question.ended;
  }
  return true;
}

}  // namespace pagestall
