#ifndef PAGESTALL_TEST_CHILD_H_
#define PAGESTALL_TEST_CHILD_H_

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "lib/probe/proc_line.h"

namespace pagestall {

// Runs `body` in a child that ends, within a minute, with the exit code that it
// returns. Returns the code; -1 if it has none.
template <typename Body>
int ExitCodeOfChild(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The same of a `body` that is to return true.
template <typename Body>
void ExpectInAChild(Body body) {
  EXPECT_EQ(ExitCodeOfChild([&] { return body() ? 0 : 1; }), 0);
}

// The same, on another thread, when the child's first one has called `first`
// and ended: then /proc/self is that of a thread that is no more.
template <typename First, typename Body>
void ExpectWithoutFirstThread(First first, Body body) {
  ExpectInAChild([&] {
    first();
    std::thread([&] {
      while (ProcLine("/proc/self/status", "State:").value_or("").find('Z') ==
             std::string::npos) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      _exit(body() ? 0 : 1);
    }).detach();
    syscall(SYS_exit, 0);  // of the thread: GoogleTest catches pthread_exit()
    return false;
  });
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_CHILD_H_
