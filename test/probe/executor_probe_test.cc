// An executor that idles, sleeps, computes or waits for a slow file.

#include "lib/probe/executor_probe.h"

#include <fcntl.h>
#include <gtest/gtest-spi.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <functional>
#include <thread>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/probe/expect_not_blocked.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Lt;

// Waits before and after `body`, so that the probe is at its pace around it.
asio::awaitable<void> BetweenWaits(const std::function<void()>& body) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(50ms);
  co_await timer.async_wait(asio::use_awaitable);
  body();
  timer.expires_after(50ms);
  co_await timer.async_wait(asio::use_awaitable);
}

ExecutorReport Watch(const std::function<void()>& body) {
  asio::io_context context;
  ExecutorProbe probe(context.get_executor());
  probe.Start();
  ExecutorReport report;
  asio::co_spawn(
      context, BetweenWaits(body),
      [&](const std::exception_ptr& /*exception*/) { report = probe.Stop(); });
  context.run();
  return report;
}

void ExpectStallOf(std::chrono::nanoseconds stall, const Stalls& stalls) {
  EXPECT_GE(stalls.Quantile(1), stall - 1ms);
  // 50, 49, 48, ... ms: each tick that the stall has swallowed.
  const auto late = stalls.lateness;
  for (auto least = stall - 1ms; least > 1ms; least -= 1ms) {
    EXPECT_TRUE(std::any_of(late.begin(), late.end(), [&](auto one) {
      return one >= least && one <= least + 1ms;
    })) << least.count();
  }
  EXPECT_GE(stalls.stalled, stall - 2ms);
}

TEST(ExecutorProbe, IdleExecutorShowsNothing) {
  const ExecutorReport report = Watch([] {});
  ASSERT_THAT(report.blocked, IsOk());
  EXPECT_LT(report.blocked->at_most, 5ms);
  EXPECT_GE(report.stalls.window, 100ms);
  const auto ticks = static_cast<size_t>(report.stalls.window / 1ms);
  EXPECT_EQ(report.stalls.lateness.size(), ticks + 1);
  EXPECT_LT(report.stalls.Quantile(0.5), 20ms);
  EXPECT_EQ(report.thread.major_faults, 0);
}

TEST(ExecutorProbe, SleepIsAStallAndBlocked) {
  const ExecutorReport report =
      Watch([] { std::this_thread::sleep_for(50ms); });
  ExpectStallOf(50ms, report.stalls);
  ASSERT_THAT(report.blocked, IsOk());
  EXPECT_THAT(report.blocked->at_least, AllOf(Ge(49ms), Lt(75ms)));
  EXPECT_GE(report.thread.voluntary_switches, 1);
}

TEST(ExecutorProbe, ComputingIsAStallAndNotBlocked) {
  const ExecutorReport report = Watch([] { ComputeFor(50ms); });
  ExpectStallOf(50ms, report.stalls);
  ASSERT_THAT(report.blocked, IsOk());
  EXPECT_LT(report.blocked->at_most, 5ms);
}

TEST(ExecutorProbe, FaultOnASlowFileIsAStallAndBlocked) {
  constexpr std::chrono::milliseconds kDelay = 40ms;
  const SlowZeros slow(kDelay);
  if (!slow.ok()) GTEST_SKIP() << slow.reason();
  const auto file = File::Open(slow.page(), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  const auto mapping = Mapping::Map(*file);
  ASSERT_THAT(mapping, IsOk());
  uint8_t touched = 1;
  const ExecutorReport report = Watch([&] {
    touched = *const_cast<const volatile uint8_t*>(mapping->bytes().data());
  });
  EXPECT_EQ(touched, 0);
  ExpectStallOf(kDelay, report.stalls);
  ASSERT_THAT(report.blocked, IsOk());
  EXPECT_THAT(report.blocked->at_least, AllOf(Ge(kDelay), Lt(2 * kDelay)));
  EXPECT_EQ(report.thread.major_faults, 1);
}

TEST(ExecutorProbe, StallThatHasNotEndedCountsUntilTheStop) {
  asio::io_context context;
  ExecutorProbe probe(context.get_executor());
  probe.Start();
  ExecutorReport report;
  asio::post(context, [&] {
    ComputeFor(30ms);
    report = probe.Stop();
  });
  context.run();
  EXPECT_GE(report.stalls.Quantile(1), 28ms);
  EXPECT_GE(report.stalls.StalledPercent(), 80);
}

TEST(ExecutorProbe, EachTakeIsAWindowOfItsOwn) {
  asio::io_context context;
  ExecutorProbe probe(context.get_executor());
  probe.Start();
  std::vector<ExecutorReport> reports;
  asio::steady_timer timer(context, 20ms);
  timer.async_wait([&](const asio::error_code& /*error*/) {
    std::this_thread::sleep_for(30ms);
    // Once the probe has caught up with the sleep.
    timer.expires_after(5ms);
    timer.async_wait([&](const asio::error_code& /*error*/) {
      reports.push_back(probe.Take());
      timer.expires_after(20ms);
      timer.async_wait([&](const asio::error_code& /*error*/) {
        reports.push_back(probe.Stop());
      });
    });
  });
  context.run();
  ASSERT_EQ(reports.size(), 2u);
  ASSERT_THAT(reports[0].blocked, IsOk());
  ASSERT_THAT(reports[1].blocked, IsOk());
  EXPECT_GE(reports[0].blocked->at_least, 29ms);
  EXPECT_LT(reports[1].blocked->at_most, 5ms);
  EXPECT_GE(reports[0].stalls.Quantile(1), 28ms);
  EXPECT_GE(reports[0].stalls.window, 55ms);
  EXPECT_GE(reports[1].stalls.window, 20ms);
  EXPECT_LT(reports[1].stalls.stalled, reports[1].stalls.window);
}

TEST(ExecutorProbe, ReportIsALineForALog) {
  const std::string line =
      Watch([] { std::this_thread::sleep_for(20ms); }).ToString();
  EXPECT_THAT(line, AllOf(HasSubstr(": blocked 2"), HasSubstr("p99.9"),
                          HasSubstr(" major")));
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(StallProbe, WorksOnAThreadPool) {
  asio::thread_pool pool(2);
  {
    StallProbe probe(pool.get_executor());
    probe.Start();
    std::this_thread::sleep_for(100ms);
    const Stalls stalls = probe.Stop();
    EXPECT_GE(stalls.lateness.size(), 100u);
  }
  pool.join();
}

TEST(StallProbe, PeriodAndThresholdCanBeChosen) {
  asio::io_context context;
  StallProbe probe(context.get_executor(), {.period = 10ms, .late = 40ms});
  probe.Start();
  Stalls stalls;
  asio::post(context, [&] {
    ComputeFor(95ms);
    stalls = probe.Stop();
  });
  context.run();
  EXPECT_EQ(stalls.lateness.size(),
            static_cast<size_t>(stalls.window / 10ms) + 1);
  EXPECT_GE(stalls.stalled, 44ms);  // due at 10 ms, late from 50 ms on
  EXPECT_LE(stalls.stalled, stalls.window - 50ms);
}

TEST(StallProbe, ThatIsNeverStoppedDoesNotKeepTheExecutorFromEnding) {
  asio::io_context context;
  {
    StallProbe probe(context.get_executor());
    probe.Start();
  }
  context.run();
}

TEST(Stalls, QuantilesAreThoseOfTheNearestRank) {
  Stalls stalls;
  EXPECT_EQ(stalls.Quantile(1), 0ms);
  EXPECT_EQ(stalls.StalledPercent(), 0);
  for (int i = 1; i <= 200; ++i) stalls.lateness.emplace_back(i);
  EXPECT_EQ(stalls.Quantile(0).count(), 1);
  EXPECT_EQ(stalls.Quantile(0.5).count(), 100);
  EXPECT_EQ(stalls.Quantile(0.99).count(), 198);
  EXPECT_EQ(stalls.Quantile(0.999).count(), 200);
  EXPECT_EQ(stalls.Quantile(1).count(), 200);
  stalls.window = 4ms;
  stalls.stalled = 1ms;
  EXPECT_EQ(stalls.StalledPercent(), 25);
}

TEST(ExpectNotBlocked, PassesWhatComputesAndFailsWhatSleeps) {
  EXPECT_NOT_BLOCKED(10ms, ComputeFor(30ms));
  EXPECT_NONFATAL_FAILURE(
      EXPECT_NOT_BLOCKED(10ms, std::this_thread::sleep_for(30ms)),
      "blocked this thread for 3");
}

}  // namespace
}  // namespace pagestall
