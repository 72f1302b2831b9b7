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
#include "test/child.h"
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

// Returns what was installed before.
struct sigaction Install(void (*handler)(int, siginfo_t*, void*),
                         int flags = 0) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  sigaddset(&action.sa_mask, SIGUSR1);
  struct sigaction before {};
  sigaction(SIGBUS, &action, &before);
  return before;
}

struct sigaction Installed() {
  struct sigaction now {};
  sigaction(SIGBUS, nullptr, &now);
  return now;
}

// In processes of their own: what these tests do to SIGBUS is for good.
class BusErrorHandlerDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
  }

  static void ExpectHolds(bool (*body)()) {
    EXPECT_EXIT(_exit(body() ? 0 : 1), testing::ExitedWithCode(0), "");
  }
  static void ExpectBusError(void (*body)()) {
    EXPECT_EXIT(body(), DiedOfBusError, "");
  }
};

TEST_F(BusErrorHandlerDeathTest, ForeignFaultIsRepairedByItsOwnerAndWeStay) {
  ExpectHolds([] {
    Install(Repair);
    const BusErrorsCaught caught;
    uint8_t* const foreign = MapGone();
    TouchOne(foreign + kPage + 5);
    return repairs == 1 && last_address == foreign + kPage + 5 && was_blocked &&
           Catches(MapGone()) && repairs == 1;
  });
}

TEST_F(BusErrorHandlerDeathTest, HandlerOfTheOlderKindIsCalledAsWell) {
  ExpectHolds([] {
    signal(SIGBUS, RepairOldStyle);
    const BusErrorsCaught caught;
    to_repair = MapGone();
    static_cast<void>(*to_repair);
    kill(getpid(), SIGBUS);
    return repairs == 2 && Catches(MapGone());
  });
}

TEST_F(BusErrorHandlerDeathTest, HandlerThatIsCalledOnceIsCalledOnce) {
  ExpectBusError([] {
    Install(Repair, SA_RESETHAND);
    const BusErrorsCaught caught;
    TouchOne(MapGone());
    TouchOne(MapGone());
  });
  ExpectHolds([] {
    Install(Repair, SA_RESETHAND);
    {
      const BusErrorsCaught caught;
      TouchOne(MapGone());
    }
    return repairs == 1 && Installed().sa_handler == SIG_DFL;
  });
}

TEST_F(BusErrorHandlerDeathTest, SignalThatIsIgnoredIsSoButNoFaultIs) {
  ExpectHolds([] {
    signal(SIGBUS, SIG_IGN);
    const BusErrorsCaught caught;
    kill(getpid(), SIGBUS);
    return Catches(MapGone());
  });
  ExpectBusError([] {
    signal(SIGBUS, SIG_IGN);
    const BusErrorsCaught caught;
    TouchOne(MapGone());
  });
}

TEST_F(BusErrorHandlerDeathTest,
       HandlerOfALaterComerStaysAndGoesRoundNoCircle) {
  ExpectHolds([] {
    signal(SIGBUS, SIG_DFL);
    {
      const BusErrorsCaught caught;
      chained = Install(PassOnAll);
      if (!Catches(MapGone()) || repairs != 1) return false;
    }
    if (Installed().sa_sigaction != PassOnAll) return false;
    for (int i = 0; i < 20; ++i) {
      const BusErrorsCaught again;
      if (!Catches(MapGone())) return false;
    }
    return Installed().sa_sigaction == PassOnAll && repairs == 1;
  });
  ExpectBusError([] {
    signal(SIGBUS, SIG_DFL);
    {
      const BusErrorsCaught caught;
      chained = Install(PassOnAll);
    }
    const BusErrorsCaught again;
    TouchOne(MapGone());
  });
}

// Libraries whose handlers pass on to what they have found.
struct Library {
  struct sigaction found;
  void (*handler)(int, siginfo_t*, void*);

  void Come() { found = Install(handler); }
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
  ExpectBusError([] {
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
  });
}

TEST_F(BusErrorHandlerDeathTest, SignalThatComesRoundEndsTheProcess) {
  ExpectBusError([] {
    one_library.Come();
    const BusErrorsCaught caught;
    one_library.Come();  // forgets what it has found first
    if (!Catches(MapGone())) _exit(2);
    TouchOne(MapGone());
  });
}

TEST_F(BusErrorHandlerDeathTest, HandlerThatJumpsOutMayDoSoAgain) {
  ExpectHolds([] {
    static sigjmp_buf out;
    Install([](int, siginfo_t*, void*) { siglongjmp(out, 1); });
    const BusErrorsCaught caught;
    const uint8_t* const gone = MapGone();
    static int i = 0;
    while (i++ < 20) {
      if (sigsetjmp(out, 1) == 0) {
        TouchOne(gone);
        return false;
      }
    }
    return Catches(MapGone());
  });
}

TEST_F(BusErrorHandlerDeathTest, IsPutBeforeOthersHoweverOftenTheyCome) {
  ExpectHolds([] {
    for (int i = 0; i < 100; ++i) {
      Install(Repair);
      const BusErrorsCaught caught;
      if (!Catches(MapGone())) return false;
      Install(Repair);
    }
    return repairs == 0;
  });
}

// Whose handler it is may change while a signal is passed on.
TEST_F(BusErrorHandlerDeathTest, ForeignFaultsArePassedOnWhileOthersInstall) {
  ExpectHolds([] {
    Install(Repair);
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
      if (i % 2 == 0) {
        signal(SIGBUS, RepairOldStyle);
      } else {
        Install(Repair);
      }
    }
    faults.join();
    return repairs == 500;
  });
}

// No test that is quick sees it each time.
TEST_F(BusErrorHandlerDeathTest, HandlerThatComesAtTheSameMomentIsKept) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's sigaction() is not atomic";
  ExpectHolds([] {
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
      Install(Repair);
      other.join();
      if (Installed().sa_handler == SIG_DFL) return false;
    }
    return true;
  });
}

TEST_F(BusErrorHandlerDeathTest, SignalThatIsIgnoredInterruptsNoRead) {
  ExpectHolds([] {
    struct sigaction ignored {};  // signal(3) has SA_RESTART
    ignored.sa_handler = SIG_IGN;
    sigaction(SIGBUS, &ignored, nullptr);
    const BusErrorsCaught caught;
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return false;
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
    return size == 1;
  });
}

// A container's first process.
TEST_F(BusErrorHandlerDeathTest, FirstProcessOutlivesWhatItIsSent) {
  const int code = ExitCodeOfChild([] {
    // Root needs no namespace of users, which a chroot refuses (unshare(2)).
    if (unshare(CLONE_NEWPID) != 0 &&
        unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
      return 77;
    }
    return ExitCodeOfChild([] {
      signal(SIGBUS, SIG_DFL);
      const BusErrorsCaught caught;
      kill(getpid(), SIGBUS);
      return Catches(MapGone()) ? 0 : 1;
    });
  });
  if (code == 77) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(code, 0);
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
