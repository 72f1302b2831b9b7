// An executor that idles, sleeps, computes or waits for a slow file.

#include "lib/probe/executor_probe.h"

#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/probe/expect_not_blocked.h"
#include "test/child.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::Lt;
using testing::Not;

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
  const OnOneCpu here;
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
  EXPECT_LT(report.blocked.value().at_most, 50ms);
  EXPECT_GE(report.stalls.window, 100ms);
  const auto ticks = static_cast<size_t>(report.stalls.window / 1ms);
  EXPECT_EQ(report.stalls.lateness.size(), ticks + 1);
  EXPECT_LT(report.stalls.Quantile(0.5), 20ms);
  // Somebody may drop the whole page cache, and with it this program's pages.
  EXPECT_LT(report.usage->major_faults, 10);
}

TEST(ExecutorProbe, SleepIsAStallAndBlockedAndOneLineOfALog) {
  const ExecutorReport report =
      Watch([] { std::this_thread::sleep_for(50ms); });
  ExpectStallOf(50ms, report.stalls);
  EXPECT_THAT(report.blocked.value().at_least,
              AllOf(Ge(49ms), Le(report.stalls.window)));
  EXPECT_GE(report.usage->voluntary_switches, 1);
  EXPECT_THAT(report.ToString(),
              AllOf(HasSubstr(": blocked "), HasSubstr("p99.9"),
                    HasSubstr(" major"), Not(HasSubstr("\n"))));
}

TEST(ExecutorProbe, ComputingIsAStallAndNotBlocked) {
  const ExecutorReport report = Watch([] { ComputeFor(50ms); });
  ExpectStallOf(50ms, report.stalls);
  EXPECT_LT(report.blocked.value().at_most, 25ms);
}

TEST(ExecutorProbe, FaultOnASlowFileIsAStallAndBlocked) {
  constexpr std::chrono::milliseconds kDelay = 40ms;
  const SlowZeros slow(kDelay);
  if (!slow.ok()) GTEST_SKIP() << slow.reason();
  const auto mapping = Mapping::Map(File::Open(slow.page(), O_RDONLY).value());
  ASSERT_THAT(mapping, IsOk());
  uint8_t touched = 1;
  const ExecutorReport report = Watch([&] {
    touched = *const_cast<const volatile uint8_t*>(mapping->bytes().data());
  });
  EXPECT_EQ(touched, 0);
  ExpectStallOf(kDelay, report.stalls);
  EXPECT_THAT(report.blocked.value().at_least,
              AllOf(Ge(kDelay), Lt(2 * kDelay)));
  EXPECT_EQ(report.usage->major_faults, 1);
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
  EXPECT_GE(reports[0].blocked.value().at_least, 29ms);
  EXPECT_LT(reports[1].blocked.value().at_most, 10ms);
  EXPECT_GE(reports[0].stalls.Quantile(1), 28ms);
  EXPECT_GE(reports[0].stalls.window, 55ms);
  EXPECT_GE(reports[1].stalls.window, 20ms);
  EXPECT_LT(reports[1].stalls.stalled, reports[1].stalls.window);
}

TEST(ExecutorProbe, LoopWithinACoroutineIsBlocked) {
  const ExecutorReport report = Watch([] { RunLoopOfItsOwn(200ms); });
  EXPECT_THAT(report.blocked.value().at_least,
              AllOf(Ge(100ms), Le(report.stalls.window)));
}

// A context that threads of its own run until they are joined, and its probe.
class Probed {
 public:
  explicit Probed(int threads = 1, const StallProbe::Options& options = {})
      : probe(std::in_place, context.get_executor(), options) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { context.run(); });
    }
    probe->Start();
    std::this_thread::sleep_for(50ms);  // until it has run some ticks
  }
  // Has a thread sleep, and waits for a part of that.
  void Sleep(std::chrono::milliseconds time, std::chrono::milliseconds wait) {
    asio::post(context, [time] { std::this_thread::sleep_for(time); });
    std::this_thread::sleep_for(wait);
  }
  ~Probed() { Join(); }
  void Join() {
    open_.reset();
    threads_.clear();
  }

  asio::io_context context;
  std::optional<ExecutorProbe> probe;

 private:
  asio::executor_work_guard<asio::io_context::executor_type> open_{
      context.get_executor()};
  std::vector<std::jthread> threads_;
};

void ExpectSense(const ExecutorReport& report) {
  EXPECT_FALSE(report.workers.empty());
  for (const WorkerReport& worker : report.workers) {
    ASSERT_THAT(worker.blocked, IsOk());
    EXPECT_GE(worker.blocked->at_least, 0ms);
    EXPECT_LE(worker.blocked->at_least, worker.blocked->at_most);
    EXPECT_LE(worker.blocked->at_most, report.stalls.window + 50ms);
    ASSERT_THAT(worker.usage, IsOk());
    EXPECT_GE(worker.usage->minor_faults, 0);
    EXPECT_GE(worker.usage->major_faults, 0);
    EXPECT_GE(worker.usage->voluntary_switches, 0);
    EXPECT_GE(worker.usage->involuntary_switches, 0);
  }
}

TEST(ExecutorProbe, MeasuresTheWorkerWhateverThreadAsksAndWhenever) {
  Probed probed;
  probed.probe->Take();
  probed.Sleep(400ms, 100ms);
  std::vector<ExecutorReport> reports = {probed.probe->Take()};
  std::this_thread::sleep_for(100ms);
  reports.push_back(probed.probe->Take());
  std::this_thread::sleep_for(300ms);
  reports.push_back(probed.probe->Stop());
  ASSERT_EQ(reports[0].workers.size(), 1u);
  EXPECT_NE(reports[0].workers[0].thread, gettid());
  std::chrono::nanoseconds blocked{};
  std::chrono::nanoseconds window{};
  for (const ExecutorReport& report : reports) {
    ExpectSense(report);
    EXPECT_THAT(report.blocked->at_least, AllOf(Ge(50ms), Le(400ms)));
    EXPECT_THAT(report.stalls.StalledPercent(), AllOf(Ge(20), Le(100)));
    blocked += report.blocked->at_least;
    window += report.stalls.window;
  }
  EXPECT_THAT(blocked, AllOf(Ge(399ms), Le(window)));
  EXPECT_GE(reports[2].stalls.Quantile(1), 300ms)
      << "of ticks that were due before";
}

TEST(ExecutorProbe, WorkersThatRunOneContextAreMeasuredEachByItself) {
  constexpr int kThreads = 3;
  Probed probed(kThreads);
  ExecutorReport report;
  int windows = 0;
  do {  // until all have had their turn
    std::this_thread::sleep_for(100ms);
    report = probed.probe->Take();
    ExpectSense(report);
  } while (report.workers.size() < kThreads && ++windows < 100);
  ASSERT_EQ(report.workers.size(), size_t{kThreads});
  std::atomic<pid_t> computing = 0;
  asio::post(probed.context, [&] {
    computing = gettid();
    ComputeFor(300ms);
  });
  while (computing == 0) std::this_thread::sleep_for(1ms);
  probed.probe->Take();
  std::this_thread::sleep_for(200ms);
  report = probed.probe->Stop();
  ExpectSense(report);
  for (const WorkerReport& worker : report.workers) {
    EXPECT_EQ(worker.blocked->at_least, 0ms) << "may be idle";
    if (worker.thread != computing) continue;
    EXPECT_EQ(worker.usage->voluntary_switches, 0);
    EXPECT_LT(worker.blocked->at_most, 150ms) << "for it has computed";
  }
  EXPECT_THAT(report.ToString(),
              AllOf(HasSubstr(": blocked at most "), HasSubstr(" of threads "),
                    HasSubstr(std::to_string(computing))));
}

// Another may be idle, and would run the second.
TEST(ExecutorProbe, NothingIsCertainOfAWorkerThatHasRunOneTick) {
  Probed probed(1, {.period = std::chrono::hours(1), .late = 1ms});
  probed.Sleep(100ms, 200ms);
  const ExecutorReport report = probed.probe->Stop();
  ExpectSense(report);
  ASSERT_EQ(report.workers.size(), 1u);
  EXPECT_EQ(report.blocked->at_least, 0ms);
  EXPECT_GE(report.blocked->at_most, 99ms);
  EXPECT_THAT(report.ToString(), HasSubstr(": blocked 0.0 to 1"));
}

TEST(ExecutorProbe, OneThreadIsCertainFromTheStart) {
  asio::io_context context(1);
  ExecutorProbe probe(context.get_executor(), ExecutorProbe::RunBy::kOneThread);
  ExecutorReport report;
  probe.Start();
  asio::post(context, [&] {
    std::this_thread::sleep_for(100ms);
    report = probe.Stop();
  });
  context.run();
  EXPECT_GE(report.blocked.value().at_least, 50ms);
}

// Whoever holds what lock there.
TEST(ExecutorProbe, IsRefusedInAChildAndDestroyedThere) {
  Probed probed;
  std::atomic<bool> done = false;
  std::jthread taking([&] {
    while (!done) probed.probe->Take();
  });
  for (int i = 0; i < 50 && !testing::Test::HasFailure(); ++i) {
    ExpectInAChild([&] {
      const ExecutorReport taken = probed.probe->Take();
      const ExecutorReport stopped = probed.probe->Stop();
      probed.probe.reset();
      return absl::IsFailedPrecondition(taken.blocked.status()) &&
             absl::IsFailedPrecondition(taken.usage.status()) &&
             absl::IsFailedPrecondition(stopped.blocked.status());
    });
  }
  done = true;
  taking.join();
  probed.probe->Stop();
}

TEST(ExecutorProbe, WorksOnAThreadPoolAndOnAStrand) {
  asio::thread_pool pool(2);
  {
    ExecutorProbe probe(pool.get_executor());
    ExecutorProbe on_strand(asio::make_strand(pool.get_executor()));
    probe.Start();
    on_strand.Start();
    std::this_thread::sleep_for(100ms);
    for (ExecutorProbe* one : {&probe, &on_strand}) {
      const ExecutorReport report = one->Stop();
      ExpectSense(report);
      EXPECT_GE(report.stalls.lateness.size(), 100u);
    }
  }
  pool.join();
}

TEST(ExecutorProbe, ReportsWorkersThatHaveEndedOnce) {
  const OnOneCpu here;
  Probed probed;
  probed.Sleep(50ms, 0ms);
  asio::post(probed.context, [&] { probed.context.stop(); });
  probed.Join();
  const ExecutorReport report = probed.probe->Take();
  ExpectSense(report);
  EXPECT_THAT(report.blocked->at_least,
              AllOf(Ge(49ms), Le(report.stalls.window)));
  EXPECT_THAT(probed.probe->Take().blocked,
              IsError(kFailedPrecondition,
                      HasSubstr("no thread has run the executor")));
}

TEST(ExecutorProbe, SaysThatNobodyRunsTheExecutor) {
  asio::io_context context;
  ExecutorProbe probe(context.get_executor());
  probe.Start();
  std::this_thread::sleep_for(10ms);
  const ExecutorReport report = probe.Stop();
  EXPECT_TRUE(report.workers.empty());
  EXPECT_THAT(report.blocked,
              IsError(kFailedPrecondition, HasSubstr("no thread has run")));
  EXPECT_THAT(report.ToString(), HasSubstr(" ms: blocked time: no thread"));
  EXPECT_THAT(report.ToString(), HasSubstr("; faults and switches: no thread"));
}

TEST(ExecutorProbe, ThatWasDestroyedByAnotherThreadLeavesNothingBehind) {
  {
    Probed probed;
    probed.context.stop();
    probed.Join();
    probed.probe.reset();
  }
  EXPECT_EQ(BlockedForMoreThan(20ms, [] { RunLoopOfItsOwn(100ms); }), "");
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
  EXPECT_GE(stalls.Quantile(1), 84ms) << "though it has not ended";
  EXPECT_GE(stalls.stalled, 44ms);  // due at 10 ms, late from 50 ms on
  EXPECT_LE(stalls.stalled, stalls.window - 50ms);
}

TEST(StallProbe, PeriodOfNothingIsAShortOne) {
  asio::io_context context;
  StallProbe probe(context.get_executor(), {.period = 0ms});
  probe.Start();
  context.run_for(5ms);
  EXPECT_THAT(probe.Stop().lateness, Not(testing::IsEmpty()));
}

TEST(StallProbe, HasNothingToSayBeforeTheStartAndAfterTheStop) {
  asio::io_context context;
  StallProbe probe(context.get_executor());
  EXPECT_EQ(probe.Take().window, 0ms);
  EXPECT_EQ(probe.Stop().window, 0ms);
  probe.Start();
  std::this_thread::sleep_for(5ms);
  EXPECT_GE(probe.Stop().window, 5ms);
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(probe.Take().window, 0ms);
  probe.Start();  // only the first does
  EXPECT_EQ(probe.Stop().window, 0ms);
  context.run();
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

// Turns too short to be measured each: what was between the waits may have been
// sleep.
void TurnOften() {
  WaitOften(300, 100us, [](int /*turn*/) { ComputeFor(100us); });
}

TEST(ExpectNotBlocked, WarnsWhereItCannotBeTold) {
  constexpr int kTries = 20;  // other load may make it certain
  std::string warning;
  for (int i = 0; i < kTries && warning.empty(); ++i) {
    testing::internal::CaptureStderr();
    const std::string failure =
        BlockedForMoreThan(5ms, TurnOften, "file.cc", 7);
    warning = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(failure.empty() || warning.empty());
  }
  EXPECT_THAT(
      warning,
      AllOf(HasSubstr("file.cc:7: warning: may have blocked this thread "
                      "for more than 5.000 ms"),
            HasSubstr(" ms at most")));
}

}  // namespace
}  // namespace pagestall
