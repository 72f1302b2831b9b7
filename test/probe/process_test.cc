// Another process, seen from outside.

#include "lib/probe/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "lib/probe/mapped_files.h"
#include "lib/probe/memory.h"
#include "lib/probe/thread_sleep.h"
#include "lib/probe/thread_times.h"
#include "lib/probe/usage.h"
#include "test/probe/load.h"
#include "test/sanitized.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kTouched = 2048;
constexpr std::chrono::milliseconds kWork(60);

// Sleeps until it is told to work, and again until its end.
class Child {
 public:
  explicit Child(const std::string& file) {
    EXPECT_EQ(pipe2(to_, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(from_, O_CLOEXEC), 0);
    id_ = fork();
    // Should the other end, so does waiting for it.
    close(id_ == 0 ? to_[1] : to_[0]);
    close(id_ == 0 ? from_[0] : from_[1]);
    if (id_ == 0) {
      const OnOneCpu here;
      Tell(from_[1]);
      Wait(to_[0]);
      const bool worked = Work(file);
      Tell(from_[1]);
      Wait(to_[0]);
      _exit(worked ? 0 : 1);
    }
    Wait(from_[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    close(to_[1]);
    close(from_[0]);
  }

  pid_t id() const { return id_; }

  void HaveItWork() {
    Tell(to_[1]);
    Wait(from_[0]);
  }

  void End() {
    Tell(to_[1]);
    int status = -1;
    EXPECT_EQ(waitpid(id_, &status, 0), id_);
    EXPECT_EQ(status, 0);
  }

 private:
  static void Wait(int fd) {
    char byte;
    EXPECT_EQ(read(fd, &byte, 1), 1);
  }
  static void Tell(int fd) { EXPECT_EQ(write(fd, "x", 1), 1); }

  static bool Work(const std::string& file) {
    auto* const pages = static_cast<volatile char*>(
        mmap(nullptr, kTouched * kPageBytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (pages == MAP_FAILED) return false;
    madvise(const_cast<char*>(pages), kTouched * kPageBytes, MADV_NOHUGEPAGE);
    for (size_t page = 0; page < kTouched; ++page) pages[page * kPageBytes] = 1;
    const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    void* const mapped =
        mmap(nullptr, kPageBytes, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return false;
    static_cast<void>(*static_cast<volatile const char*>(mapped));
    const auto end = std::chrono::steady_clock::now() + kWork;
    while (std::chrono::steady_clock::now() < end) {
    }
    return true;
  }

  int to_[2];
  int from_[2];
  pid_t id_;
};

TEST(Process, OfAnotherIsReadFromOutside) {
  const TemporaryDirectory directory;
  const std::vector<std::string> paths = {
      directory.Write("file", std::vector<uint8_t>(kPageBytes, 1))};
  Child child(paths[0]);
  const Process process(child.id());
  const auto before = Usage::Of(process);
  if (absl::IsUnimplemented(before.status())) {
    child.End();
    GTEST_SKIP() << before.status();
  }
  ASSERT_THAT(before, IsOk());
  const auto memory = MemoryBytes(process);
  const ThreadTimes threads = ThreadTimes::Now(process);
  EXPECT_EQ(MappedFiles::Now(paths, process).mapped_bytes, 0u);
  child.HaveItWork();
  // Then it goes to sleep again.
  auto after = Usage::Of(process);
  for (int i = 0;
       i < 10'000 && after.ok() &&
       after->process.voluntary_switches == before->process.voluntary_switches;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    after = Usage::Of(process);
  }
  ASSERT_THAT(after, IsOk());
  const Usage usage = *after - *before;
  EXPECT_GE(usage.process.minor_faults, static_cast<int64_t>(kTouched));
  EXPECT_GE(usage.process.voluntary_switches, 1);
  EXPECT_GE(usage.cpu_time, kWork / 10);
  // A sanitizer's thread is another.
  if (!kSanitized) {
    EXPECT_EQ(ThreadTimes::Now(process).OthersSince(threads), 1u);
  }
  ASSERT_TRUE(memory.has_value());
  EXPECT_GE(MemoryBytes(process), *memory + kTouched * kPageBytes / 2);
  EXPECT_EQ(MappedFiles::Now(paths, process).mapped_bytes, kPageBytes);
  EXPECT_EQ(MappedFiles::Now(paths).mapped_bytes, 0u) << "by this process";
  child.End();
}

TEST(Process, ThreadThatSleepsIsSeenFromOutside) {
  const TemporaryDirectory directory;
  Child child(directory.Write("file", std::vector<uint8_t>(kPageBytes, 1)));
  const Process process(child.id());
  const auto thread = ThreadSleep::Of(child.id(), process);
  if (absl::IsUnimplemented(thread.status())) {
    child.End();
    GTEST_SKIP() << thread.status();
  }
  ASSERT_THAT(thread, IsOk());
  const auto before = thread->Read();
  std::this_thread::sleep_for(kWork);
  const auto asleep = thread->Read();
  child.HaveItWork();
  const auto awake = thread->Read();
  child.End();
  ASSERT_THAT(before, IsOk());
  ASSERT_THAT(asleep, IsOk());
  ASSERT_THAT(awake, IsOk());
  const auto slept = ThreadSleep::Between(*before, *asleep).at_least;
  EXPECT_GE(slept, (asleep->wall - before->wall) / 2);
  EXPECT_LE(slept, asleep->wall - before->wall);
  // It worked for that long.
  EXPECT_LE(ThreadSleep::Between(*asleep, *awake).at_least,
            awake->wall - asleep->wall - kWork / 2);
  EXPECT_TRUE(absl::IsNotFound(thread->Read().status()));
  EXPECT_TRUE(absl::IsNotFound(ThreadSleep::Of(child.id(), process).status()));
}

TEST(ThreadSleepTest, TimeInTheRunQueueIsSleepAtMostWhereTheKernelErrs) {
  ThreadSleep::Reading before;
  ThreadSleep::Reading after;
  after.wall = std::chrono::milliseconds(50);
  after.cpu = std::chrono::milliseconds(1);
  after.queued = std::chrono::milliseconds(48);
  for (const bool errs : {false, true}) {
    EXPECT_EQ(ThreadSleep::Between(before, after, errs).at_most.count(), 0)
        << "never went to sleep";
  }
  after.usage.voluntary_switches = 1;
  constexpr std::chrono::milliseconds kKnown(1);
  for (const bool errs : {false, true}) {
    const auto slept = ThreadSleep::Between(before, after, errs);
    EXPECT_EQ(slept.at_least, kKnown);
    EXPECT_EQ(slept.at_most, errs ? std::chrono::milliseconds(49) : kKnown);
  }
}

TEST(Process, ThatHasEndedIsNotFound) {
  const TemporaryDirectory directory;
  Child child(directory.Write("file", std::vector<uint8_t>(kPageBytes, 1)));
  child.HaveItWork();
  child.End();
  const Process process(child.id());
  EXPECT_TRUE(absl::IsNotFound(Usage::Of(process).status()));
  EXPECT_TRUE(absl::IsNotFound(ProcessCpuTime(process).status()));
  EXPECT_TRUE(absl::IsNotFound(
      FaultsAndSwitches::OfThread(child.id(), process).status()));
  EXPECT_FALSE(MemoryBytes(process).has_value());
  EXPECT_FALSE(DeviceReadBytes(process).has_value());
}

TEST(Process, ByItsNumberIsThisOne) {
  const Process self(getpid());
  EXPECT_TRUE(self.is_this());
  EXPECT_EQ(self.id(), Process().id());
  EXPECT_EQ(self.tasks(), Process().tasks());
  EXPECT_EQ(self.Path("status"), Process().Path("status"));
  EXPECT_THAT(Usage::Of(self), IsOk());
  EXPECT_FALSE(Process(1).is_this() && getpid() != 1);
}

}  // namespace
}  // namespace pagestall
