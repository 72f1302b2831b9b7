#include "lib/probe/blocked_clock.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <thread>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::Le;
using testing::Lt;

class BlockedClockTest : public testing::Test {
 protected:
  void SetUp() override {
    auto clock = BlockedClock::Start();
    ASSERT_THAT(clock, IsOk());
    clock_ = *std::move(clock);
  }

  std::unique_ptr<BlockedClock> clock_;
};

TEST_F(BlockedClockTest, SleepCounts) {
  std::this_thread::sleep_for(50ms);
  const BlockedTime blocked = clock_->Elapsed();
  EXPECT_THAT(blocked.at_least, AllOf(Ge(49ms), Lt(75ms)));
  EXPECT_EQ(blocked.at_most, blocked.at_least);
}

TEST_F(BlockedClockTest, ComputingDoesNotCountHoweverBusyTheMachine) {
  const Busy others(4);
  const auto clock = BlockedClock::Start();  // to start threads may sleep
  ComputeFor(100ms);
  EXPECT_THAT((*clock)->Elapsed().at_most, Lt(2ms));
}

TEST_F(BlockedClockTest, WaitForEventsDoesNotCount) {
  asio::io_context context;
  asio::steady_timer timer(context, 100ms);
  timer.async_wait([](const asio::error_code& /*error*/) {});
  context.run();
  EXPECT_THAT(clock_->Elapsed().at_most, Lt(2ms));
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
  EXPECT_THAT(clock_->Elapsed().at_most, Lt(5ms));
}

TEST_F(BlockedClockTest, SleepBetweenWaitsCounts) {
  asio::io_context context;
  asio::steady_timer timer(context);
  int rounds = 0;
  const std::function<void()> next = [&] {
    if (++rounds > 5) return;
    timer.expires_after(20ms);
    timer.async_wait([&](const asio::error_code& /*error*/) {
      std::this_thread::sleep_for(10ms);
      next();
    });
  };
  next();
  context.run();
  EXPECT_THAT(clock_->Elapsed().at_least, AllOf(Ge(49ms), Lt(75ms)));
}

// More waits than there are readings: what cannot be told apart lies between
// the bounds.
TEST_F(BlockedClockTest, BoundsHoldAmongManyShortWaits) {
  asio::io_context context;
  asio::steady_timer timer(context);
  int rounds = 0;
  const std::function<void()> next = [&] {
    if (++rounds > 200) return;
    timer.expires_after(50us);
    timer.async_wait([&](const asio::error_code& /*error*/) {
      if (rounds % 50 == 0) std::this_thread::sleep_for(10ms);
      next();
    });
  };
  next();
  context.run();
  const BlockedTime blocked = clock_->Elapsed();
  EXPECT_LE(blocked.at_least, blocked.at_most);
  EXPECT_THAT(blocked.at_least, Le(60ms));
  EXPECT_THAT(blocked.at_most, AllOf(Ge(39ms), Lt(100ms)));
}

TEST_F(BlockedClockTest, ClocksOfOneThreadDoNotDisturbEachOther) {
  std::this_thread::sleep_for(20ms);
  const auto inner = BlockedClock::Start();
  ASSERT_THAT(inner, IsOk());
  std::this_thread::sleep_for(30ms);
  EXPECT_THAT((*inner)->Elapsed().at_least, AllOf(Ge(29ms), Lt(49ms)));
  EXPECT_THAT(clock_->Elapsed().at_least, AllOf(Ge(49ms), Lt(90ms)));
}

TEST_F(BlockedClockTest, OtherThreadsSleepDoesNotCount) {
  std::atomic<bool> done = false;
  std::jthread other([&] {
    std::this_thread::sleep_for(50ms);
    done = true;
  });
  while (!done) {
  }
  EXPECT_THAT(clock_->Elapsed().at_most, Lt(10ms));
}

TEST_F(BlockedClockTest, FaultOnASlowFileCounts) {
  constexpr std::chrono::milliseconds kDelay = 40ms;
  const SlowZeros slow(kDelay);
  if (!slow.ok()) GTEST_SKIP() << slow.reason();
  const auto file = File::Open(slow.page(), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  const auto mapping = Mapping::Map(*file);
  ASSERT_THAT(mapping, IsOk());

  const auto clock = BlockedClock::Start();
  const volatile uint8_t cold = mapping->bytes()[0];
  EXPECT_THAT((*clock)->Elapsed().at_least, AllOf(Ge(kDelay), Lt(2 * kDelay)));
  EXPECT_EQ(cold, 0);

  const auto again = BlockedClock::Start();
  const volatile uint8_t warm = mapping->bytes()[0];
  EXPECT_THAT((*again)->Elapsed().at_most, Lt(2ms));
  EXPECT_EQ(warm, 0);
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
  EXPECT_EQ(epoll_wait(epoll, &got, 1, -1), 1);
  EXPECT_EQ(got.data.u64, 7u);
  uint64_t value;
  EXPECT_EQ(read(event, &value, sizeof(value)), 8);
  EXPECT_EQ(epoll_wait(epoll, &got, 1, 0), 0);
  EXPECT_EQ(epoll_wait(epoll, &got, 1, 10), 0);
  EXPECT_EQ(epoll_wait(-1, &got, 1, 10), -1);
  EXPECT_EQ(errno, EBADF);
  close(event);
  close(epoll);
}

}  // namespace
}  // namespace pagestall
