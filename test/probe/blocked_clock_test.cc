#include "lib/probe/blocked_clock.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <functional>
#include <latch>
#include <optional>
#include <thread>

#include "test/child.h"
#include "test/forbidden_call.h"
#include "test/probe/load.h"
#include "test/sanitized.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

using testing::AllOf;
using testing::Field;
using testing::Ge;
using testing::Le;
using testing::Lt;

// A library's small loop, whose array of events is on its own frame.
void WaitOnADescriptorOfItsOwn(std::chrono::milliseconds time) {
  const int own = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event none {};
  epoll_wait(own, &none, 1, static_cast<int>(time.count()));
  close(own);
}

// Has SIGUSR1 wait so while it lives.
class WaitingHandler {
 public:
  explicit WaitingHandler(int flags) {
    struct sigaction action {};
    action.sa_handler = [](int) { WaitOnADescriptorOfItsOwn(1ms); };
    action.sa_flags = flags;
    sigaction(SIGUSR1, &action, &before_);
  }
  ~WaitingHandler() { sigaction(SIGUSR1, &before_, nullptr); }
  WaitingHandler(const WaitingHandler&) = delete;
  WaitingHandler& operator=(const WaitingHandler&) = delete;

 private:
  struct sigaction before_ {};
};

// A thread sleeps longer than it asked to where others have the CPU: so what
// counts is at most the time that has passed, and what does not count is less
// than half of what would have.
class BlockedClockTest : public testing::Test {
 protected:
  static std::chrono::nanoseconds Passed(
      std::chrono::steady_clock::time_point since) {
    return std::chrono::steady_clock::now() - since;
  }
  // Since before the clock was started.
  std::chrono::nanoseconds Passed() const { return Passed(start_); }

  const OnOneCpu here_;
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
  std::unique_ptr<BlockedClock> clock_ = BlockedClock::Start().value();
};

// A call of 200 ms counts, and a wait of 600 ms does not.
testing::Matcher<BlockedTime> IsTheCallAlone() {
  return AllOf(Field(&BlockedTime::at_least, Ge(100ms)),
               Field(&BlockedTime::at_most, Lt(500ms)));
}

TEST_F(BlockedClockTest, SleepCounts) {
  std::this_thread::sleep_for(50ms);
  const BlockedTime blocked = *clock_->Elapsed();
  EXPECT_THAT(blocked.at_least, AllOf(Ge(49ms), Le(Passed())));
  EXPECT_THAT(blocked.at_most, AllOf(Ge(blocked.at_least), Le(Passed())));
}

TEST_F(BlockedClockTest, ComputingDoesNotCountHoweverBusyTheMachine) {
  const Busy others(4);
  const auto clock = BlockedClock::Start();  // to start threads may sleep
  ComputeFor(100ms);
  EXPECT_THAT((*clock)->Elapsed()->at_most, Lt(50ms));
}

TEST_F(BlockedClockTest, WaitForAnotherThreadsPostDoesNotCount) {
  asio::io_context context;
  const asio::steady_timer timer(context);  // makes the context use epoll
  auto open = asio::make_work_guard(context);
  std::jthread poster([&] {
    std::this_thread::sleep_for(100ms);
    asio::post(context, [&] { open.reset(); });
  });
  context.run();
  EXPECT_THAT(clock_->Elapsed()->at_most, Lt(50ms));
}

TEST_F(BlockedClockTest, SleepBetweenWaitsCounts) {
  WaitOften(5, 20ms, [](int /*round*/) { std::this_thread::sleep_for(10ms); });
  EXPECT_THAT(clock_->Elapsed()->at_least,
              AllOf(Ge(49ms), Le(Passed() - 5 * 20ms)));
}

// More waits than there are readings: what cannot be told apart lies between
// the bounds.
TEST_F(BlockedClockTest, BoundsHoldAmongManyShortWaits) {
  WaitOften(200, 50us, [](int round) {
    if (round % 50 == 0) std::this_thread::sleep_for(10ms);
  });
  const BlockedTime blocked = *clock_->Elapsed();
  EXPECT_LE(blocked.at_least, blocked.at_most);
  EXPECT_THAT(blocked.at_least, Le(Passed() - 200 * 50us));
  EXPECT_THAT(blocked.at_most, AllOf(Ge(39ms), Le(Passed())));
}

TEST_F(BlockedClockTest, ClocksOfOneThreadDoNotDisturbEachOther) {
  std::this_thread::sleep_for(20ms);
  const auto inner_start = std::chrono::steady_clock::now();
  const auto inner = BlockedClock::Start().value();
  std::this_thread::sleep_for(30ms);
  EXPECT_THAT(inner->Elapsed()->at_least,
              AllOf(Ge(29ms), Le(Passed(inner_start))));
  EXPECT_THAT(clock_->Elapsed()->at_least, AllOf(Ge(49ms), Le(Passed())));
}

TEST_F(BlockedClockTest, OtherThreadsSleepDoesNotCount) {
  std::atomic<bool> done = false;
  std::jthread other([&] {
    std::this_thread::sleep_for(100ms);
    done = true;
  });
  while (!done) {
  }
  EXPECT_THAT(clock_->Elapsed()->at_most, Lt(50ms));
}

// Also where the frames of Asio's handlers are further out than that of its
// call, whose array is so large.
TEST_F(BlockedClockTest, WaitWithinAHandlerCountsAndTheLoopsDoesNot) {
  for (const auto call : {RunLoopOfItsOwn, WaitOnADescriptorOfItsOwn}) {
    const auto clock = BlockedClock::Start().value();
    asio::io_context context;
    asio::steady_timer timer(context, 100ms);
    timer.async_wait([&](const asio::error_code& /*error*/) {
      call(200ms);
      timer.expires_after(600ms);
      timer.async_wait([](const asio::error_code& /*error*/) {});
    });
    context.run();
    EXPECT_THAT(*clock->Elapsed(), IsTheCallAlone());
  }
}

TEST_F(BlockedClockTest, LoopWithinALoopThatHasNotWaitedYetCounts) {
  asio::io_context context;
  asio::steady_timer timer(context);
  asio::post(context, [] { RunLoopOfItsOwn(200ms); });
  context.run();
  EXPECT_THAT(clock_->Elapsed()->at_least, AllOf(Ge(100ms), Le(Passed())));
}

// Only the outer wait tells that the first was one within.
TEST_F(BlockedClockTest, LoopThatTurnsOutToBeWithinAnotherCountsFromThenOn) {
  asio::io_context own;
  asio::io_context context;
  asio::steady_timer reply(own, 200ms);
  reply.async_wait([](const asio::error_code& /*error*/) {});
  std::optional<asio::steady_timer> timer;
  asio::post(context, [&] {
    own.run();
    EXPECT_THAT(clock_->Elapsed()->at_least, Lt(100ms));
    timer.emplace(context, 600ms);
    timer->async_wait([](const asio::error_code& /*error*/) {});
  });
  context.run();
  EXPECT_THAT(*clock_->Elapsed(), IsTheCallAlone());
}

TEST_F(BlockedClockTest, WaitOnAnotherDescriptorThanTheGivenCounts) {
  const int own = epoll_create1(EPOLL_CLOEXEC);
  const auto clock = BlockedClock::Start(own).value();
  WaitOnADescriptorOfItsOwn(200ms);
  struct epoll_event none {};
  epoll_wait(own, &none, 1, 600);
  EXPECT_THAT(*clock->Elapsed(), IsTheCallAlone());
  EXPECT_GE(clock->Elapsed()->at_least, 199ms);
  close(own);
}

TEST_F(BlockedClockTest, WaitInASignalsHandlerDoesNotEndTheInterruptedOne) {
  const WaitingHandler handler(0);
  const int own = epoll_create1(EPOLL_CLOEXEC);
  const auto clock = BlockedClock::Start(own).value();
  std::jthread sender([self = pthread_self()] {
    std::this_thread::sleep_for(100ms);
    pthread_kill(self, SIGUSR1);
  });
  struct epoll_event none {};
  EXPECT_EQ(epoll_wait(own, &none, 1, 10'000), -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_THAT(clock->Elapsed()->at_least, Lt(50ms));
  close(own);
}

TEST_F(BlockedClockTest, WaitInASignalsHandlerDoesNotWaitForTheReadingsEnd) {
  const WaitingHandler handler(SA_RESTART);
  const std::jthread sender(
      [self = pthread_self()](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          pthread_kill(self, SIGUSR1);
          std::this_thread::sleep_for(2ms);
        }
      });
  while (Passed() < 300ms) EXPECT_THAT(clock_->Elapsed(), IsOk());
}

TEST_F(BlockedClockTest, MainThreadThatHasEndedIsMeasuredNoMore) {
  std::unique_ptr<BlockedClock> clock;
  ExpectWithoutFirstThread([&] { clock = *BlockedClock::Start(); },
                           [&] {
                             const bool has_ended = clock->HasEnded();
                             const auto then = clock->Elapsed();
                             std::this_thread::sleep_for(50ms);
                             const auto now = clock->Elapsed();
                             return has_ended && then.ok() && now.ok() &&
                                    then->at_most == now->at_most;
                           });
}

TEST_F(BlockedClockTest, DescriptorThatOthersHaveClosedIsNoEndOfTheThread) {
  ExpectInAChild([] {
    const auto clock = *BlockedClock::Start();
    for (int fd = 3; fd < 1024; ++fd) close(fd);
    return !clock->Elapsed().ok() && !clock->HasEnded();
  });
}

// A thread that is measured, and does what it is told.
class Measured {
 public:
  explicit Measured(const std::function<void()>& body)
      : thread_([this, body] {
          clock_ = *BlockedClock::Start();
          started_.count_down();
          body();
        }) {
    started_.wait();
  }
  const BlockedClock& clock() const { return *clock_; }
  void Join() { thread_.join(); }

 private:
  std::latch started_{1};
  std::unique_ptr<BlockedClock> clock_;
  std::jthread thread_;
};

TEST_F(BlockedClockTest, WaitForEventsIsReadByAnotherThreadInItsMidst) {
  Measured other([] { RunLoopOfItsOwn(200ms); });
  std::this_thread::sleep_for(100ms);
  EXPECT_THAT(other.clock().Elapsed()->at_most, Lt(50ms));
  other.Join();
  EXPECT_THAT(other.clock().Elapsed()->at_most, Lt(50ms));
}

TEST_F(BlockedClockTest, SaysAfterItsThreadsEndWhatWasUntilThen) {
  std::optional<Measured> other(std::in_place,
                                [] { std::this_thread::sleep_for(30ms); });
  EXPECT_FALSE(other->clock().HasEnded());
  other->Join();
  std::this_thread::sleep_for(100ms);
  EXPECT_TRUE(other->clock().HasEnded());
  EXPECT_FALSE(other->clock().MeasuresThisThread());
  EXPECT_THAT(other->clock().Elapsed()->at_least,
              AllOf(Ge(29ms), Lt(Passed() - 50ms)));
  EXPECT_THAT(other->clock().Usage()->voluntary_switches, AllOf(Ge(1), Lt(20)));
  other.reset();
  // Nothing of it is left to this thread.
  const auto clock = *BlockedClock::Start();
  RunLoopOfItsOwn(100ms);
  EXPECT_THAT(clock->Elapsed()->at_most, Lt(50ms));
}

TEST_F(BlockedClockTest, IsRefusedInAChildWhichMayHaveItsOwn) {
  ExpectInAChild([&] {
    const bool refused = absl::IsFailedPrecondition(clock_->Elapsed().status());
    clock_.reset();
    const auto own = BlockedClock::Start();
    std::this_thread::sleep_for(20ms);
    return refused && own.ok() && (*own)->Elapsed()->at_least >= 19ms;
  });
}

// The library's epoll_wait() is the C library's to everybody else.
TEST_F(BlockedClockTest, EpollWaitKeepsItsContract) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int event = eventfd(1, EFD_CLOEXEC);
  struct epoll_event interest {};
  interest.events = EPOLLIN;
  interest.data.u64 = 7;
  ASSERT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &interest), 0);
  struct epoll_event got {};
  // A ring that was closed may interrupt it (io_ring.h).
  const auto wait = [&](int timeout_ms) {
    int count;
    do {
      count = epoll_wait(epoll, &got, 1, timeout_ms);
    } while (count < 0 && errno == EINTR);
    return count;
  };
  EXPECT_EQ(wait(-1), 1);
  EXPECT_EQ(got.data.u64, 7u);
  uint64_t value;
  EXPECT_EQ(read(event, &value, sizeof(value)), 8);
  EXPECT_EQ(wait(0), 0);
  EXPECT_EQ(wait(10), 0);
  EXPECT_EQ(epoll_wait(-1, &got, 1, 10), -1);
  EXPECT_EQ(errno, EBADF);
  close(event);
  close(epoll);
}

#ifdef SYS_epoll_wait
TEST_F(BlockedClockTest, EpollWaitNeedsNoCallThatTheCLibrarysDoesNot) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (const int refusal : {EPERM, ENOSYS}) {
    struct epoll_event got {};
    int count = -1;
    if (!RunForbidding(SYS_epoll_pwait, refusal,
                       [&] { count = epoll_wait(epoll, &got, 1, 10); })) {
      GTEST_SKIP() << "no seccomp here";
    }
    EXPECT_EQ(count, 0) << refusal;
  }
  close(epoll);
}
#endif

// How a thread ends that runs `body`, in a process of its own. If it still does
// after 50 ms, a signal's handler cancels it: in the next call that may be
// cancelled (pthreads(7)), which is not the one that was interrupted.
enum Ending { kCancelled, kReturned, kDead };
Ending EndOf(void* (*body)(void*)) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGUSR1, [](int /*signal*/) {
      pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, nullptr);
      pthread_cancel(pthread_self());
    });
    pthread_t thread;
    pthread_create(&thread, nullptr, body, nullptr);
    std::this_thread::sleep_for(50ms);
    pthread_kill(thread, SIGUSR1);
    void* result = nullptr;
    pthread_join(thread, &result);
    _exit(result == PTHREAD_CANCELED ? kCancelled : kReturned);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? static_cast<Ending>(WEXITSTATUS(status)) : kDead;
}

TEST(BlockedClockCancellation, ThreadMayBeCancelledWhileItWaitsForEvents) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer wants no such handler";
  const auto waits = [](void* /*argument*/) -> void* {
    const auto clock = *BlockedClock::Start();
    struct epoll_event got {};
    epoll_wait(epoll_create1(EPOLL_CLOEXEC), &got, 1, 10'000);
    pthread_testcancel();
    return nullptr;
  };
  EXPECT_EQ(EndOf(waits), kCancelled);
}

TEST(BlockedClockCancellation, ThreadThatIsToBeCancelledMayReturnBefore) {
  const auto returns = [](void* /*argument*/) -> void* {
    const auto clock = *BlockedClock::Start();
    pthread_cancel(pthread_self());
    return nullptr;
  };
  EXPECT_EQ(EndOf(returns), kReturned);
}

}  // namespace
}  // namespace pagestall
