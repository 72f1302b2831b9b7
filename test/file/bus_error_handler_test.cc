// What other handlers of SIGBUS see of ours.

#include "lib/file/bus_error_handler.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include "lib/file/touch.h"
#include "test/bus_error.h"
#include "test/page.h"
#include "test/sanitized.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

void PutZeroPage(uint8_t* page) {
  void* const put = mmap(page, kPage, PROT_READ,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (put != page) std::abort();
}

// A mapping of a file that has been truncated: to touch it is a bus error.
uint8_t* MapGone() {
  const TemporaryDirectory directory;
  const std::string path =
      directory.Write("gone", std::vector<uint8_t>(2 * kPage, 1));
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* const bytes = mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  EXPECT_EQ(truncate(path.c_str(), 0), 0);
  return static_cast<uint8_t*>(bytes);
}

void TouchOne(const uint8_t* byte) {
  const volatile uint8_t read = *byte;
  static_cast<void>(read);
}

// Whether Touch() still makes an error of a bus error.
bool Catches(const uint8_t* gone) {
  return !Touch({gone, 1}, "gone", 0, [&] { TouchOne(gone); }).ok();
}

// Another library's handler, which repairs its own mapping.
int repairs = 0;
bool was_blocked = false;
const void* last_address = nullptr;
struct sigaction chained = {};

void Repair(int /*signal*/, siginfo_t* info, void* /*context*/) {
  ++repairs;
  last_address = info->si_addr;
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  was_blocked =
      sigismember(&mask, SIGBUS) == 1 && sigismember(&mask, SIGUSR1) == 1;
  uint8_t* const at = static_cast<uint8_t*>(info->si_addr);
  PutZeroPage(at - reinterpret_cast<uintptr_t>(at) % kPage);
}

// One of the older kind, which is told nothing but the signal.
volatile uint8_t* to_repair = nullptr;
void RepairOldStyle(int /*signal*/) {
  ++repairs;
  PutZeroPage(const_cast<uint8_t*>(to_repair));
}

void PassOnAll(int signal, siginfo_t* info, void* context) {
  ++repairs;
  if ((chained.sa_flags & SA_SIGINFO) != 0) {
    chained.sa_sigaction(signal, info, context);
  }
}

struct sigaction Handler(void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  sigaddset(&action.sa_mask, SIGUSR1);
  return action;
}

// In processes of their own: what these tests do to SIGBUS is for good.
class BusErrorHandlerDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
  }
};

// Exits with 0 if `holds`, else says what does not.
#define EXIT_IF(holds)                                         \
  if (!(holds)) {                                              \
    static_cast<void>(!write(2, #holds "\n", sizeof(#holds))); \
    _exit(1);                                                  \
  }                                                            \
  _exit(0)

TEST_F(BusErrorHandlerDeathTest, ForeignFaultIsRepairedByItsOwnerAndWeStay) {
  EXPECT_EXIT(
      {
        const struct sigaction owner = Handler(Repair, 0);
        sigaction(SIGBUS, &owner, nullptr);
        const BusErrorsCaught caught;
        uint8_t* const foreign = MapGone();
        TouchOne(foreign + kPage + 5);
        EXIT_IF(repairs == 1 && last_address == foreign + kPage + 5 &&
                was_blocked && Catches(MapGone()) && repairs == 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(BusErrorHandlerDeathTest, HandlerOfTheOlderKindIsCalledAsWell) {
  EXPECT_EXIT(
      {
        struct sigaction owner {};
        owner.sa_handler = RepairOldStyle;
        sigaction(SIGBUS, &owner, nullptr);
        const BusErrorsCaught caught;
        to_repair = MapGone();
        static_cast<void>(*to_repair);
        kill(getpid(), SIGBUS);
        EXIT_IF(repairs == 2 && Catches(MapGone()));
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(BusErrorHandlerDeathTest, HandlerThatIsCalledOnceIsCalledOnce) {
  EXPECT_EXIT(
      {
        const struct sigaction owner = Handler(Repair, SA_RESETHAND);
        sigaction(SIGBUS, &owner, nullptr);
        const BusErrorsCaught caught;
        TouchOne(MapGone());
        TouchOne(MapGone());
      },
      DiedOfBusError, "");
  EXPECT_EXIT(
      {
        const struct sigaction owner = Handler(Repair, SA_RESETHAND);
        sigaction(SIGBUS, &owner, nullptr);
        {
          const BusErrorsCaught caught;
          TouchOne(MapGone());
        }
        struct sigaction now {};
        sigaction(SIGBUS, nullptr, &now);
        EXIT_IF(repairs == 1 && now.sa_handler == SIG_DFL);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(BusErrorHandlerDeathTest, SignalThatIsIgnoredIsSoButNoFaultIs) {
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_IGN);
        const BusErrorsCaught caught;
        kill(getpid(), SIGBUS);
        EXIT_IF(Catches(MapGone()));
      },
      testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_IGN);
        const BusErrorsCaught caught;
        TouchOne(MapGone());
      },
      testing::KilledBySignal(SIGBUS), "");
}

TEST_F(BusErrorHandlerDeathTest,
       HandlerOfALaterComerStaysAndGoesRoundNoCircle) {
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_DFL);
        {
          const BusErrorsCaught caught;
          const struct sigaction later = Handler(PassOnAll, 0);
          sigaction(SIGBUS, &later, &chained);
          if (!Catches(MapGone()) || repairs != 1) _exit(2);
        }
        struct sigaction now {};
        sigaction(SIGBUS, nullptr, &now);
        if (now.sa_sigaction != PassOnAll) _exit(3);
        for (int i = 0; i < 20; ++i) {
          const BusErrorsCaught again;
          if (!Catches(MapGone())) _exit(4);
        }
        sigaction(SIGBUS, nullptr, &now);
        EXIT_IF(now.sa_sigaction == PassOnAll && repairs == 1);
      },
      testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_DFL);
        {
          const BusErrorsCaught caught;
          const struct sigaction later = Handler(PassOnAll, 0);
          sigaction(SIGBUS, &later, &chained);
        }
        const BusErrorsCaught again;
        TouchOne(MapGone());
      },
      testing::KilledBySignal(SIGBUS), "");
}

// Libraries whose handlers pass on to what they have found.
struct Library {
  struct sigaction found;
  void (*handler)(int, siginfo_t*, void*);

  void Come() {
    const struct sigaction ours = Handler(handler, 0);
    sigaction(SIGBUS, &ours, &found);
  }
  void Leave() const { sigaction(SIGBUS, &found, nullptr); }
  void PassOn(int signal, siginfo_t* info, void* context) const {
    if ((found.sa_flags & SA_SIGINFO) != 0) {
      return found.sa_sigaction(signal, info, context);
    }
    const struct sigaction by_default {};
    sigaction(SIGBUS, &by_default, nullptr);
  }
};

Library one_library = {{}, [](int signal, siginfo_t* info, void* context) {
                         one_library.PassOn(signal, info, context);
                       }};
Library another_library = {{}, [](int signal, siginfo_t* info, void* context) {
                             another_library.PassOn(signal, info, context);
                           }};

TEST_F(BusErrorHandlerDeathTest, LibrariesMayLeaveInAnyOrder) {
  const auto come_and_leave = [] {
    signal(SIGBUS, SIG_DFL);
    const BusErrorsCaught first;
    one_library.Come();
    const BusErrorsCaught second;
    another_library.Come();
    one_library.Leave();
    const BusErrorsCaught third;
    another_library.Leave();
    const BusErrorsCaught fourth;
    if (!Catches(MapGone())) _exit(2);
    TouchOne(MapGone());
  };
  EXPECT_EXIT(come_and_leave(), DiedOfBusError, "");
}

TEST_F(BusErrorHandlerDeathTest, SignalThatComesRoundEndsTheProcess) {
  EXPECT_EXIT(
      {
        one_library.Come();
        const BusErrorsCaught caught;
        one_library.Come();  // forgets what it has found first
        if (!Catches(MapGone())) _exit(2);
        TouchOne(MapGone());
      },
      DiedOfBusError, "");
}

TEST_F(BusErrorHandlerDeathTest, HandlerThatJumpsOutMayDoSoAgain) {
  EXPECT_EXIT(
      {
        static sigjmp_buf out;
        const struct sigaction owner =
            Handler([](int, siginfo_t*, void*) { siglongjmp(out, 1); }, 0);
        sigaction(SIGBUS, &owner, nullptr);
        const BusErrorsCaught caught;
        const uint8_t* const gone = MapGone();
        static int i = 0;
        while (i++ < 20) {
          if (sigsetjmp(out, 1) == 0) {
            TouchOne(gone);
            _exit(2);
          }
        }
        EXIT_IF(Catches(MapGone()));
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(BusErrorHandlerDeathTest, IsPutBeforeOthersHoweverOftenTheyCome) {
  EXPECT_EXIT(
      {
        for (int i = 0; i < 100; ++i) {
          const struct sigaction owner = Handler(Repair, 0);
          sigaction(SIGBUS, &owner, nullptr);
          const BusErrorsCaught caught;
          if (!Catches(MapGone())) _exit(2);
          sigaction(SIGBUS, &owner, nullptr);
        }
        EXIT_IF(repairs == 0);
      },
      testing::ExitedWithCode(0), "");
}

// Whose handler it is may change while a signal is passed on.
TEST_F(BusErrorHandlerDeathTest, ForeignFaultsArePassedOnWhileOthersInstall) {
  EXPECT_EXIT(
      {
        const struct sigaction owner = Handler(Repair, 0);
        struct sigaction older {};
        older.sa_handler = RepairOldStyle;
        sigaction(SIGBUS, &owner, nullptr);
        std::atomic<bool> done = false;
        std::thread faults([&] {
          for (int i = 0; i < 500; ++i) {
            to_repair = MapGone();
            static_cast<void>(*to_repair);
            munmap(const_cast<uint8_t*>(to_repair), 2 * kPage);
          }
          done = true;
        });
        for (int i = 0; !done; ++i) {
          { const BusErrorsCaught caught; }
          sigaction(SIGBUS, i % 2 == 0 ? &older : &owner, nullptr);
        }
        faults.join();
        EXIT_IF(repairs == 500);
      },
      testing::ExitedWithCode(0), "");
}

// No test that is quick sees it each time.
TEST_F(BusErrorHandlerDeathTest, HandlerThatComesAtTheSameMomentIsKept) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's sigaction() is not atomic";
  EXPECT_EXIT(
      {
        const struct sigaction owner = Handler(Repair, 0);
        for (int round = 0; round < 500; ++round) {
          signal(SIGBUS, SIG_DFL);
          std::atomic<bool> begun = false;
          std::thread other([&] {
            begun = true;
            for (int i = 0; i < 20; ++i) const BusErrorsCaught caught;
          });
          while (!begun) {
          }
          std::atomic<int> pause = round * 37 % 4000;
          while (pause-- > 0) {
          }
          sigaction(SIGBUS, &owner, nullptr);
          other.join();
          struct sigaction now {};
          sigaction(SIGBUS, nullptr, &now);
          if (now.sa_handler == SIG_DFL) _exit(2);
        }
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(BusErrorHandlerDeathTest, SignalThatIsIgnoredInterruptsNoRead) {
  EXPECT_EXIT(
      {
        struct sigaction ignored {};  // signal(3) has SA_RESTART
        ignored.sa_handler = SIG_IGN;
        sigaction(SIGBUS, &ignored, nullptr);
        const BusErrorsCaught caught;
        int pipe_ends[2];
        if (pipe(pipe_ends) != 0) _exit(2);
        const pthread_t reader = pthread_self();
        std::thread sender([&] {
          for (int i = 0; i < 5; ++i) {
            usleep(10'000);
            pthread_kill(reader, SIGBUS);
          }
          static_cast<void>(!write(pipe_ends[1], "x", 1));
        });
        char byte = 0;
        const ssize_t size = read(pipe_ends[0], &byte, 1);
        sender.join();
        EXIT_IF(size == 1);
      },
      testing::ExitedWithCode(0), "");
}

// A container's first process.
TEST_F(BusErrorHandlerDeathTest, FirstProcessOutlivesWhatItIsSent) {
  const pid_t parent = fork();
  if (parent == 0) {
    // Root needs no namespace of users, which a chroot refuses (unshare(2)).
    if (unshare(CLONE_NEWPID) != 0 &&
        unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
      _exit(77);
    }
    const pid_t first = fork();
    if (first == 0) {
      signal(SIGBUS, SIG_DFL);
      const BusErrorsCaught caught;
      kill(getpid(), SIGBUS);
      EXIT_IF(Catches(MapGone()));
    }
    int status = -1;
    waitpid(first, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// As a debugger and a core dump see it.
TEST_F(BusErrorHandlerDeathTest, ProcessDiesOfTheSignalThatItGot) {
  uint8_t* const gone = MapGone();
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGBUS, SIG_DFL);
    const BusErrorsCaught caught;
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    TouchOne(gone + 7);
    _exit(0);
  }
  int status = 0;
  siginfo_t last{};
  int stops = 0;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    ++stops;
    ptrace(PTRACE_GETSIGINFO, child, nullptr, &last);
    ptrace(PTRACE_CONT, child, nullptr, WSTOPSIG(status));
  }
  munmap(gone, 2 * kPage);
  EXPECT_EQ(stops, 2) << "for the handler, and for the default";
  EXPECT_TRUE(testing::KilledBySignal(SIGBUS)(status)) << status;
  EXPECT_EQ(last.si_code, BUS_ADRERR);
  EXPECT_EQ(last.si_addr, gone + 7);
}

}  // namespace
}  // namespace pagestall
