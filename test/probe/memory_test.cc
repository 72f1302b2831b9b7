#include "lib/probe/memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "lib/file/mapping.h"
#include "lib/probe/proc_line.h"
#include "test/sanitized.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

constexpr size_t kTaken = size_t{8} << 20;

TEST(MemoryBytes, CountsOwnPagesAndPageTablesButNotThoseOfFiles) {
  if (kSanitized) GTEST_SKIP() << "memory is the sanitizer's";
  TemporaryDirectory directory;
  const auto file = File::Open(
      directory.Write("file", std::vector<uint8_t>(kTaken, 1)), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  const auto mapping = Mapping::Map(*file);
  ASSERT_THAT(mapping, IsOk());
  malloc_trim(0);  // what was freed would be taken without being counted
  const auto before = MemoryBytes();
  if (!before) GTEST_SKIP() << "no /proc/self/status";
  EXPECT_EQ(std::count(mapping->bytes().begin(), mapping->bytes().end(), 0), 0);
  EXPECT_LT(*MemoryBytes(), *before + kTaken / 4);

  std::vector<uint8_t> own(kTaken, 1);
  EXPECT_EQ(std::count(own.begin(), own.end(), 0), 0);
  EXPECT_GE(*MemoryBytes(), *before + kTaken / 2);
}

// Then /proc/self is that of a thread that is no more.
TEST(MemoryBytes, IsKnownWhenTheFirstThreadHasEnded) {
  if (!MemoryBytes()) GTEST_SKIP() << "no /proc/thread-self/status";
  const pid_t child = fork();
  if (child == 0) {
    std::thread([] {
      for (int i = 0; i < 1000; ++i) {
        const auto state = ProcLine("/proc/self/status", "State:");
        if (state && state->find('Z') != std::string::npos) {
          _exit(MemoryBytes() ? 0 : 1);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      _exit(2);
    }).detach();
    // Of the thread; GoogleTest catches what pthread_exit() throws.
    syscall(SYS_exit, 0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace pagestall
