#include "lib/probe/thread_times.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <latch>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "test/probe/load.h"
#include "test/sanitized.h"

namespace pagestall {
namespace {

// A thread that sleeps until it is told to work, and works on until it ends.
class Worker {
 public:
  void Work() { work_.request_stop(); }

 private:
  void Run(const std::stop_token& end) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any told;
    const std::stop_callback wake(end, [this] { work_.request_stop(); });
    told.wait(lock, work_.get_token(), [] { return false; });
    while (!end.stop_requested()) {
    }
  }

  std::stop_source work_;
  std::jthread thread_{[this](const std::stop_token& end) { Run(end); }};
};

// The first one has the thread sanitizer start one of its own.
void StartAndJoinThread() {
  std::thread([] {}).join();
}

// How many there are as soon as they are `expected`, or after 2 s: the CPUs may
// be somebody else's for a while, and join() returns before the kernel has
// taken the thread off its list.
std::optional<size_t> AwaitOthersSince(const ThreadTimes& before,
                                       size_t expected) {
  std::optional<size_t> others = ThreadTimes::Now().OthersSince(before);
  for (int wait = 0; wait < 200 && others != expected; ++wait) {
    std::this_thread::sleep_for(10ms);
    others = ThreadTimes::Now().OthersSince(before);
  }
  return others;
}

TEST(ThreadTimes, OthersAreThoseThatAreNewOrHaveWorked) {
  if (kSanitized) GTEST_SKIP() << kOwnThread;
  StartAndJoinThread();
  const ThreadTimes alone = ThreadTimes::Now();
  Worker lazy;
  Worker busy;
  std::this_thread::sleep_for(20ms);  // both sleep
  const ThreadTimes before = ThreadTimes::Now();
  if (!before.OthersSince(before)) GTEST_SKIP() << "no /proc/self/task";
  EXPECT_EQ(ThreadTimes::Now().OthersSince(alone), 2u);
  EXPECT_EQ(ThreadTimes::Now().OthersSince(before), 0u);

  busy.Work();
  EXPECT_EQ(AwaitOthersSince(before, 1), 1u);
  EXPECT_EQ(ThreadTimes::Now().OthersSince(alone), 2u);
}

TEST(ThreadTimes, ThreadThatHasEndedIsNotKnown) {
  StartAndJoinThread();
  const ThreadTimes before = ThreadTimes::Now();
  if (!before.OthersSince(before)) GTEST_SKIP() << "no /proc/self/task";
  StartAndJoinThread();
  EXPECT_EQ(AwaitOthersSince(before, 0), 0u);
}

// Asks the kernel for the number (ns_last_pid, the kernel's sysctl/kernel.rst).
std::jthread StartWithId(pid_t id, std::stop_source& end) {
  std::ofstream("/proc/sys/kernel/ns_last_pid") << id - 1 << std::flush;
  std::latch started(1);
  pid_t got = 0;
  std::jthread thread([&started, &got, end] {
    got = gettid();
    started.count_down();
    while (!end.stop_requested()) {
      std::this_thread::sleep_for(1ms);
    }
  });
  started.wait();
  if (got != id) {
    end.request_stop();
    thread.join();
  }
  return thread;
}

TEST(ThreadTimes, ThreadThatHasTheNumberOfOneBeforeIsNew) {
  if (kSanitized) GTEST_SKIP() << kOwnThread;
  StartAndJoinThread();
  pid_t id = 0;
  ThreadTimes before;
  std::thread([&] {
    id = gettid();
    ComputeFor(50ms);
    before = ThreadTimes::Now();
  }).join();
  if (!before.OthersSince(before)) GTEST_SKIP() << "no /proc/self/task";
  ASSERT_EQ(AwaitOthersSince(before, 0), 0u);
  for (int i = 0; i < 20; ++i) {
    std::stop_source end;
    const std::jthread thread = StartWithId(id, end);
    if (!thread.joinable()) continue;
    EXPECT_EQ(ThreadTimes::Now().OthersSince(before), 1u);
    end.request_stop();
    return;
  }
  GTEST_SKIP() << "the kernel gives no thread a chosen number";
}

}  // namespace
}  // namespace pagestall
