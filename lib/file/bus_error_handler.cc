#include "lib/file/bus_error_handler.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <utility>

namespace pagestall {
namespace {

// Each time that ours goes before somebody else's, it is another function,
// which knows what it has found. A handler that has found an earlier one passes
// on to that, and so on to what came before: nothing goes round in a circle.
constexpr size_t kMost = 8;

struct Found {
  struct sigaction action {};
  std::atomic<bool> spent = false;  // SA_RESETHAND: is called once
};

std::mutex mutex;
std::array<Found, kMost> found;  // what each function has found
size_t installed = 0;            // of the functions
int users = 0;
std::atomic<bool (*)(const siginfo_t&)> asked = nullptr;

// Is sent by a machine check that nobody waits for (sigaction(2)); other codes
// above 0 are of the instruction that will be executed next.
bool IsFault(const siginfo_t& info) {
  return info.si_code > 0 && info.si_code != BUS_MCEERR_AO;
}

// Ends the process by the same signal as soon as the handler returns, where the
// instruction was interrupted. A fault would come again, but need not.
void Die(siginfo_t* info) {
  struct sigaction by_default {};
  sigaction(SIGBUS, &by_default, nullptr);
  sigset_t bus;
  sigemptyset(&bus);
  sigaddset(&bus, SIGBUS);
  pthread_sigmask(SIG_BLOCK, &bus, nullptr);
  const auto thread = syscall(SYS_gettid);
  if (syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, SIGBUS, info) != 0) {
    syscall(SYS_tgkill, getpid(), thread, SIGBUS);
  }
}

void Call(const struct sigaction& action, siginfo_t* info, void* context) {
  sigset_t mask = action.sa_mask;
  if ((action.sa_flags & SA_NODEFER) == 0) sigaddset(&mask, SIGBUS);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &mask, &before);
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(SIGBUS, info, context);
  } else {
    action.sa_handler(SIGBUS);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void PassOn(Found& to, siginfo_t* info, void* context) {
  const struct sigaction action = to.action;
  const bool ignores = action.sa_handler == SIG_IGN;
  if (ignores && !IsFault(*info)) return;
  // Not even a fault that is ignored lets its instruction go on.
  if (ignores || action.sa_handler == SIG_DFL ||
      ((action.sa_flags & SA_RESETHAND) != 0 && to.spent.exchange(true))) {
    return Die(info);
  }
  Call(action, info, context);
}

template <size_t kIndex>
void OnBusError(int /*signal*/, siginfo_t* info, void* context) {
  const int error_number = errno;
  if (!IsFault(*info) || !asked.load()(*info)) {
    PassOn(found[kIndex], info, context);
  }
  errno = error_number;
}

using Function = void (*)(int, siginfo_t*, void*);

constexpr std::array<Function, kMost> kFunctions =
    []<size_t... kIndex>(std::index_sequence<kIndex...>) {
  return std::array<Function, kMost>{OnBusError<kIndex>...};
}
(std::make_index_sequence<kMost>());

struct sigaction Current() {
  struct sigaction current {};
  sigaction(SIGBUS, nullptr, &current);
  return current;
}

// Whether ours is the process's disposition. Those that were put before it, and
// have gone without a word, are forgotten.
bool IsFirst() {
  const struct sigaction current = Current();
  for (size_t i = installed; i > 0; --i) {
    if (current.sa_sigaction != kFunctions[i - 1]) continue;
    installed = i;
    return true;
  }
  return false;
}

// A child does not inherit the thread that holds the mutex.
[[maybe_unused]] const int kForksOfHandler = pthread_atfork(
    [] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });

}  // namespace

void InstallBusErrorHandler(bool (*claims)(const siginfo_t& info)) {
  const std::lock_guard lock(mutex);
  ++users;
  asked = claims;
  if (IsFirst() || installed == kMost) return;
  Found& here = found[installed];
  here.action = Current();
  here.spent = false;
  struct sigaction action {};
  action.sa_sigaction = kFunctions[installed++];
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER |
                    (here.action.sa_flags & SA_RESTART);
  sigaction(SIGBUS, &action, nullptr);
}

void RemoveBusErrorHandler() {
  const std::lock_guard lock(mutex);
  if (--users > 0 || !IsFirst()) return;
  const Found& here = found[--installed];
  struct sigaction former = here.action;
  if (here.spent) former.sa_handler = SIG_DFL;
  sigaction(SIGBUS, &former, nullptr);
}

}  // namespace pagestall
