#ifndef PAGESTALL_TEST_FORBIDDEN_CALL_H_
#define PAGESTALL_TEST_FORBIDDEN_CALL_H_

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>

namespace pagestall {

// From now on a sandbox (seccomp(2)) answers one system call of this thread as
// `action` says (SECCOMP_RET_*). False where the kernel has no such thing.
inline bool Filter(int call, uint32_t action) {
  sock_filter code[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<uint32_t>(call)},
      {BPF_RET | BPF_K, 0, 0, action},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog program = {std::size(code), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Runs `function` on a thread of its own, which is filtered so; where it cannot
// be, skips the test and returns false.
inline bool RunWithFilter(int call, uint32_t action,
                          const std::function<void()>& function) {
  bool filtered = false;
  std::thread([&] {
    filtered = Filter(call, action);
    if (filtered) function();
  }).join();
  const auto skip = [] { GTEST_SKIP() << "no seccomp here"; };
  if (!filtered) skip();
  return filtered;
}

// That the call fails with `error`.
inline bool RunForbidding(int call, int error,
                          const std::function<void()>& function) {
  return RunWithFilter(call, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error),
                       function);
}

// That the call does nothing, but is counted.
inline bool RunCounting(int call, std::atomic<int>& calls,
                        const std::function<void()>& function) {
  static std::atomic<int>* counted;
  counted = &calls;
  struct sigaction action {};
  struct sigaction former {};
  action.sa_handler = [](int /*signal*/) { ++*counted; };
  sigaction(SIGSYS, &action, &former);
  const bool filtered = RunWithFilter(call, SECCOMP_RET_TRAP, function);
  sigaction(SIGSYS, &former, nullptr);
  return filtered;
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_FORBIDDEN_CALL_H_
