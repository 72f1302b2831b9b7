#include "lib/probe/thread_times.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

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
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    others = ThreadTimes::Now().OthersSince(before);
  }
  return others;
}

TEST(ThreadTimes, OthersAreThoseThatAreNewOrHaveWorked) {
  StartAndJoinThread();
  const ThreadTimes alone = ThreadTimes::Now();
  Worker lazy;
  Worker busy;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // both sleep
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

}  // namespace
}  // namespace pagestall
