#include "lib/probe/thread_times.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
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

// With the first thread, the thread sanitizer starts one of its own.
void StartFirstThread() {
  std::thread([] {}).join();
}

TEST(ThreadTimes, OthersAreThoseThatAreNewOrHaveWorked) {
  StartFirstThread();
  const ThreadTimes alone = ThreadTimes::Now();
  Worker lazy;
  Worker busy;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // both sleep
  const ThreadTimes before = ThreadTimes::Now();
  if (!before.OthersSince(before)) GTEST_SKIP() << "no /proc/self/task";
  EXPECT_EQ(ThreadTimes::Now().OthersSince(alone), 2u);
  EXPECT_EQ(ThreadTimes::Now().OthersSince(before), 0u);

  busy.Work();
  // The CPUs may be somebody else's for a while.
  for (int wait = 0; wait < 200 && ThreadTimes::Now().OthersSince(before) == 0u;
       ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(ThreadTimes::Now().OthersSince(before), 1u);
  EXPECT_EQ(ThreadTimes::Now().OthersSince(alone), 2u);
}

TEST(ThreadTimes, ThreadThatHasEndedIsNotKnown) {
  StartFirstThread();
  const ThreadTimes before = ThreadTimes::Now();
  if (!before.OthersSince(before)) GTEST_SKIP() << "no /proc/self/task";
  std::thread([] {}).join();
  // join() returns before the kernel has taken the thread off its list.
  for (int wait = 0; wait < 200 && ThreadTimes::Now().OthersSince(before) != 0u;
       ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(ThreadTimes::Now().OthersSince(before), 0u);
}

}  // namespace
}  // namespace pagestall
