#include "lib/file/survives.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

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

TEST(SurvivesCalls, DescriptorsOfTheChildAreItsOwn) {
  int opened = -1;
  EXPECT_TRUE(
      SurvivesCalls([&] { opened = static_cast<int>(syscall(SYS_dup, 1)); }));
  EXPECT_GE(opened, 0);
  EXPECT_EQ(close(opened), -1);
}

}  // namespace
}  // namespace pagestall
