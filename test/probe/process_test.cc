// Another process, seen from outside.

#include "lib/probe/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/probe/mapped_files.h"
#include "lib/probe/memory.h"
#include "lib/probe/thread_sleep.h"
#include "lib/probe/thread_times.h"
#include "lib/probe/usage.h"
#include "test/page.h"
#include "test/probe/load.h"
#include "test/sanitized.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

constexpr size_t kTouched = 2048;
constexpr auto kWork = 60ms;

// Sleeps until it is told to work, and again until its end.
class Child {
 public:
  explicit Child(const std::string& file) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    id_ = fork();
    // Should the other end, so does waiting for it.
    close(ends[id_ == 0 ? 1 : 0]);
    other_ = ends[id_ == 0 ? 0 : 1];
    if (id_ == 0) {
      const OnOneCpu here;
      Tell();
      Wait();
      const bool worked = Work(file);
      Tell();
      Wait();
      _exit(worked ? 0 : 1);
    }
    Wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    End();
    close(other_);
  }

  pid_t id() const { return id_; }

  void HaveItWork() {
    Tell();
    Wait();
  }

  void End() {
    if (std::exchange(ended_, true)) return;
    Tell();
    int status = -1;
    EXPECT_EQ(waitpid(id_, &status, 0), id_);
    EXPECT_EQ(status, 0);
  }

 private:
  void Wait() const {
    char byte;
    EXPECT_EQ(read(other_, &byte, 1), 1);
  }
  void Tell() const { EXPECT_EQ(write(other_, "x", 1), 1); }

  static bool Work(const std::string& file) {
    auto* const pages = static_cast<volatile char*>(
        mmap(nullptr, kTouched * kPage, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (pages == MAP_FAILED) return false;
    madvise(const_cast<char*>(pages), kTouched * kPage, MADV_NOHUGEPAGE);
    for (size_t page = 0; page < kTouched; ++page) pages[page * kPage] = 1;
    static const auto mapping = Mapping::Map(*File::Open(file, O_RDONLY));
    const volatile uint8_t touched = mapping->bytes()[0];
    ComputeFor(kWork);
    return touched == 1;
  }

  int other_;
  pid_t id_;
  bool ended_ = false;
};

class OtherProcess : public testing::Test {
 protected:
  const TemporaryDirectory directory_;
  const std::vector<std::string> paths_ = {
      directory_.Write("file", std::vector<uint8_t>(kPage, 1))};
  Child child_{paths_[0]};
  const Process process_{child_.id()};
};

TEST_F(OtherProcess, IsReadFromOutside) {
  const auto before = Usage::Of(process_);
  if (absl::IsUnimplemented(before.status())) GTEST_SKIP() << before.status();
  ASSERT_THAT(before, IsOk());
  const auto memory = MemoryBytes(process_);
  const ThreadTimes threads = ThreadTimes::Now(process_);
  EXPECT_EQ(MappedFiles::Now(paths_, process_).mapped_bytes, 0u);
  child_.HaveItWork();
  // Then it goes to sleep again.
  auto after = Usage::Of(process_);
  for (int i = 0;
       i < 10'000 && after.ok() &&
       after->process.voluntary_switches == before->process.voluntary_switches;
       ++i) {
    std::this_thread::sleep_for(1ms);
    after = Usage::Of(process_);
  }
  ASSERT_THAT(after, IsOk());
  const Usage usage = *after - *before;
  EXPECT_GE(usage.process.minor_faults, static_cast<int64_t>(kTouched));
  EXPECT_GE(usage.process.voluntary_switches, 1);
  EXPECT_GE(usage.cpu_time, kWork / 10);
  // A sanitizer's thread is another.
  if (!kSanitized) {
    EXPECT_EQ(ThreadTimes::Now(process_).OthersSince(threads), 1u);
  }
  ASSERT_TRUE(memory.has_value());
  EXPECT_GE(MemoryBytes(process_), *memory + kTouched * kPage / 2);
  EXPECT_EQ(MappedFiles::Now(paths_, process_).mapped_bytes, kPage);
  EXPECT_EQ(MappedFiles::Now(paths_).mapped_bytes, 0u) << "by this process";
}

TEST_F(OtherProcess, ThreadThatSleepsIsSeenFromOutside) {
  const auto thread = ThreadSleep::Of(child_.id(), process_);
  if (absl::IsUnimplemented(thread.status())) GTEST_SKIP() << thread.status();
  ASSERT_THAT(thread, IsOk());
  const auto before = thread->Read();
  std::this_thread::sleep_for(kWork);
  const auto asleep = thread->Read();
  child_.HaveItWork();
  const auto awake = thread->Read();
  child_.End();
  const auto slept =
      ThreadSleep::Between(before.value(), asleep.value()).at_least;
  EXPECT_GE(slept, (asleep->wall - before->wall) / 2);
  EXPECT_LE(slept, asleep->wall - before->wall);
  // It worked for that long.
  EXPECT_LE(ThreadSleep::Between(*asleep, awake.value()).at_least,
            awake->wall - asleep->wall - kWork / 2);
  EXPECT_TRUE(absl::IsNotFound(thread->Read().status()));
  EXPECT_TRUE(
      absl::IsNotFound(ThreadSleep::Of(child_.id(), process_).status()));
}

TEST(ThreadSleepTest, TimeInTheRunQueueIsSleepAtMostWhereTheKernelErrs) {
  ThreadSleep::Reading before;
  ThreadSleep::Reading after;
  after.wall = 50ms;
  after.cpu = 1ms;
  after.queued = 48ms;
  for (const bool errs : {false, true}) {
    EXPECT_EQ(ThreadSleep::Between(before, after, errs).at_most.count(), 0)
        << "never went to sleep";
  }
  after.usage.voluntary_switches = 1;
  for (const bool errs : {false, true}) {
    const auto slept = ThreadSleep::Between(before, after, errs);
    EXPECT_EQ(slept.at_least, 1ms);
    EXPECT_EQ(slept.at_most, errs ? 49ms : 1ms);
  }
}

TEST_F(OtherProcess, ThatHasEndedIsNotFound) {
  child_.HaveItWork();
  child_.End();
  EXPECT_TRUE(absl::IsNotFound(Usage::Of(process_).status()));
  EXPECT_TRUE(absl::IsNotFound(ProcessCpuTime(process_).status()));
  EXPECT_TRUE(absl::IsNotFound(
      FaultsAndSwitches::OfThread(child_.id(), process_).status()));
  EXPECT_FALSE(MemoryBytes(process_).has_value());
  EXPECT_FALSE(DeviceReadBytes(process_).has_value());
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
