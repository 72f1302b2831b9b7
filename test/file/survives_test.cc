#include "lib/file/survives.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

namespace pagestall {
namespace {

TEST(SurvivesCalls, SaysWhetherTheChildDid) {
  errno = EXDEV;
  pid_t child = 0;
  EXPECT_TRUE(
      SurvivesCalls([&] { child = static_cast<pid_t>(syscall(SYS_getpid)); }));
  EXPECT_NE(child, 0);
  EXPECT_NE(child, getpid());
  EXPECT_EQ(errno, EXDEV);
  EXPECT_FALSE(
      SurvivesCalls([] { syscall(SYS_kill, syscall(SYS_getpid), SIGKILL); }));
}

TEST(SurvivesCalls, LeavesNoChildAndNoSignal) {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  EXPECT_TRUE(SurvivesCalls([] {}));
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 32; ++signal) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
  }
  siginfo_t info;
  EXPECT_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL), -1);
  EXPECT_EQ(errno, ECHILD);
}

// Else each open file would be flushed at its end, by a server maybe.
TEST(SurvivesCalls, DescriptorsOfTheChildAreThisProcesss) {
  int opened = -1;
  EXPECT_TRUE(
      SurvivesCalls([&] { opened = static_cast<int>(syscall(SYS_dup, 1)); }));
  EXPECT_GE(opened, 0);
  EXPECT_EQ(close(opened), 0);
}

TEST(SurvivesCalls, IsToldThoughAnotherThreadWaitsForAnyChild) {
  std::atomic<bool> end = false;
  std::jthread reaper([&] {
    while (!end) waitpid(-1, nullptr, __WALL);
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_FALSE(
        SurvivesCalls([] { syscall(SYS_kill, syscall(SYS_getpid), SIGKILL); }));
  }
  end = true;
}

TEST(SurvivesCalls, LeavesTheNextNamespaceOfProcessesAlone) {
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWPID) != 0) _exit(2);
    if (!SurvivesCalls([] {})) _exit(3);
    const pid_t first = fork();
    if (first == 0) _exit(0);
    _exit(first > 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "no namespace can be made";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace pagestall
