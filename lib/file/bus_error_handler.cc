#include "lib/file/bus_error_handler.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace pagestall {
namespace {

// Each disposition that was found has a function of its own, which passes on to
// it for good: a handler may be running it, and others may have found it and
// pass on to it whenever they like.
constexpr size_t kMost = 16;

struct Found {
  struct sigaction action {};
  std::atomic<bool> spent = false;  // SA_RESETHAND: is called once
};

std::mutex mutex;
std::array<Found, kMost> found;  // what each function passes on to
// Of them are written. Released after that, acquired by the functions.
std::atomic<size_t> used = 0;
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
  // Nothing that is sent ends the first process of a pid namespace by default.
  const bool is_kept = action.sa_handler == SIG_DFL && getpid() == 1;
  if ((ignores || is_kept) && !IsFault(*info)) return;
  // Not even a fault that is ignored lets its instruction go on.
  if (ignores || action.sa_handler == SIG_DFL ||
      ((action.sa_flags & SA_RESETHAND) != 0 && to.spent.exchange(true))) {
    return Die(info);
  }
  Call(action, info, context);
}

// What each function is passing on, on this thread. Others may have left so
// that their handlers pass on in a circle: then the same signal comes round
// again, further in. It stays where a handler jumps out (siglongjmp(3)), hence
// the frame. The model as in touch.cc.
struct Passing {
  const siginfo_t* info;
  uintptr_t frame;
};
constinit thread_local std::array<Passing, kMost> passing
    [[gnu::tls_model("initial-exec")]] = {};

void PassOnOnce(size_t index, siginfo_t* info, void* context) {
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const Passing outer = passing[index];
  if (outer.info == info && frame < outer.frame) return Die(info);
  passing[index] = {info, frame};
  static_cast<void>(used.load(std::memory_order_acquire));
  PassOn(found[index], info, context);
  passing[index] = outer;
}

template <size_t kIndex>
void OnBusError(int /*signal*/, siginfo_t* info, void* context) {
  const int error_number = errno;
  if (!IsFault(*info) || !asked.load()(*info)) {
    PassOnOnce(kIndex, info, context);
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

bool IsSame(const struct sigaction& one, const struct sigaction& other) {
  if (one.sa_sigaction != other.sa_sigaction ||
      one.sa_flags != other.sa_flags) {
    return false;
  }
  for (int signal = 1; signal < NSIG; ++signal) {
    if (sigismember(&one.sa_mask, signal) !=
        sigismember(&other.sa_mask, signal)) {
      return false;
    }
  }
  return true;
}

// What ours passes on to; null if the disposition is somebody else's.
Found* FoundBy(const struct sigaction& action) {
  for (size_t i = 0; i < used; ++i) {
    if (action.sa_sigaction == kFunctions[i]) return &found[i];
  }
  return nullptr;
}

// Ours that passes on to `former`; empty if all pass on to something else.
std::optional<struct sigaction> Before(const struct sigaction& former) {
  size_t i = 0;
  while (i < used && !IsSame(found[i].action, former)) ++i;
  if (i == kMost) return std::nullopt;
  if (i == used) {
    found[i].action = former;
    used.store(i + 1, std::memory_order_release);
  }
  found[i].spent = false;
  struct sigaction ours {};
  ours.sa_sigaction = kFunctions[i];
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  // What is ignored interrupts no system call.
  if ((former.sa_flags & SA_RESTART) != 0 || former.sa_handler == SIG_IGN ||
      former.sa_handler == SIG_DFL) {
    ours.sa_flags |= SA_RESTART;
  }
  return ours;
}

// A child does not inherit the thread that holds the mutex.
[[maybe_unused]] const int kForksOfHandler = pthread_atfork(
    [] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });

}  // namespace

void InstallBusErrorHandler(bool (*claims)(const siginfo_t& info)) {
  const std::lock_guard lock(mutex);
  ++users;
  asked = claims;
  struct sigaction former = Current();
  struct sigaction expected = former;
  while (FoundBy(former) == nullptr) {
    const auto ours = Before(former);
    if (!ours) return;
    struct sigaction replaced {};
    sigaction(SIGBUS, &*ours, &replaced);
    if (replaced.sa_sigaction == expected.sa_sigaction) return;
    // Somebody was quicker: before that, then.
    former = replaced;
    expected = *ours;
  }
  if (former.sa_sigaction != expected.sa_sigaction) {
    sigaction(SIGBUS, &former, nullptr);
  }
}

void RemoveBusErrorHandler() {
  const std::lock_guard lock(mutex);
  if (--users > 0) return;
  const Found* const first = FoundBy(Current());
  if (first == nullptr) return;
  struct sigaction former = first->action;
  if (first->spent) former.sa_handler = SIG_DFL;
  struct sigaction replaced {};
  sigaction(SIGBUS, &former, &replaced);
  // Somebody was quicker.
  if (FoundBy(replaced) == nullptr) sigaction(SIGBUS, &replaced, nullptr);
}

}  // namespace pagestall
