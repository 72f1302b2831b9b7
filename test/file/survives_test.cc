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

#include "test/child.h"
#include "test/forbidden_call.h"

namespace pagestall {
namespace {

// Of the two ways, of which kernels have one each.
class SurvivesCallsTest : public testing::TestWithParam<bool> {
 protected:
  static bool Survives(absl::FunctionRef<void(Answers&)> calls) {
    Answers none{};
    return SurvivesCalls(calls, none, GetParam());
  }

  static void Die(Answers& /*answers*/) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  }
};

INSTANTIATE_TEST_SUITE_P(Memory, SurvivesCallsTest, testing::Bool(),
                         [](const auto& test) {
                           return test.param ? "shared" : "copied";
                         });

TEST_P(SurvivesCallsTest, SaysWhetherTheChildDidAndWhatItHasAnswered) {
  for (const bool dies : {false, true}) {
    Answers answers{};
    errno = EXDEV;
    const bool survives = SurvivesCalls(
        [dies](Answers& told) {
          told[0] = static_cast<int>(syscall(SYS_getpid));
          if (dies) Die(told);
          told[1] = 7;
        },
        answers, GetParam());
    EXPECT_EQ(errno, EXDEV);
    EXPECT_EQ(survives, !dies);
    EXPECT_NE(answers[0], 0);
    EXPECT_NE(answers[0], getpid());
    EXPECT_EQ(answers[1], dies ? 0 : 7);
  }
}

TEST_P(SurvivesCallsTest, LeavesNoChildAndNoSignal) {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  EXPECT_TRUE(Survives([](Answers&) {}));
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 32; ++signal) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
  }
  siginfo_t info;
  EXPECT_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL), -1);
  EXPECT_EQ(errno, ECHILD);
}

// Else each open file would be flushed at its end, by a server maybe.
TEST_P(SurvivesCallsTest, DescriptorsOfTheChildAreThisProcesss) {
  Answers answers{};
  EXPECT_TRUE(SurvivesCalls(
      [](Answers& told) { told[0] = static_cast<int>(syscall(SYS_dup, 1)); },
      answers, GetParam()));
  EXPECT_GT(answers[0], 0);
  EXPECT_EQ(close(answers[0]), 0);
}

TEST_P(SurvivesCallsTest, IsToldThoughAnotherThreadWaitsForAnyChild) {
  std::atomic<bool> end = false;
  std::jthread reaper([&] {
    while (!end) waitpid(-1, nullptr, __WALL);
  });
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(Survives(Die));
  end = true;
}

TEST_P(SurvivesCallsTest, LeavesTheNextNamespaceOfProcessesAlone) {
  const int code = ExitCodeOfChild([&] {
    if (unshare(CLONE_NEWPID) != 0) return 2;
    if (!Survives([](Answers&) {})) return 3;
    const pid_t first = fork();
    if (first == 0) _exit(0);
    return first > 0 ? 0 : 1;
  });
  if (code == 2) GTEST_SKIP() << "no namespace can be made";
  EXPECT_EQ(code, 0);
}

TEST_P(SurvivesCallsTest, SaysNoWhereASandboxForbidsToAsk) {
  for (const int error : {EPERM, ENOSYS, EAGAIN}) {
    bool survives = false;
    if (!RunForbidding(SYS_clone, error,
                       [&] { survives = Survives([](Answers&) {}); })) {
      return;
    }
    EXPECT_EQ(survives, error == EAGAIN) << "which is a limit";
  }
}

TEST(SurvivesCalls, AsTheKernelNeedsIt) {
  Answers none{};
  EXPECT_TRUE(SurvivesCalls([](Answers&) {}, none));
}

}  // namespace
}  // namespace pagestall
