#include "lib/file/page_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "lib/file/mapping.h"
#include "test/forbidden_call.h"
#include "test/on_disk.h"
#include "test/open_ones.h"
#include "test/page.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

using testing::HasSubstr;

File OpenPages(const TemporaryDirectory& directory, size_t pages) {
  return OpenOnes(directory, pages * kPage - 1);
}

TEST(PageCache, MappedPagesSurviveEvictionAndAreCounted) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const File file = OpenPages(directory, 8);
  const Mapping mapping = Mapping::Map(file).value();
  const volatile uint8_t touched = mapping.bytes()[0];
  EXPECT_EQ(touched, 1);
  ASSERT_THAT(Evict(file), IsOk());
  EXPECT_FALSE(CountResident(file)->none());
}

constexpr int kCachestat = 451;  // of every machine; new in Linux 6.5

// Or with it, if the error is 0.
class WithoutCachestat : public testing::TestWithParam<int> {};

TEST_P(WithoutCachestat, EvictionLeavesNoPageAndTheCountIsRight) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const File file = OpenPages(directory, 300);
  const auto check = [&] {
    EXPECT_EQ(CountResident(file)->resident, 300u);  // as written
    ASSERT_THAT(Evict(file), IsOk());
    EXPECT_EQ(CountResident(file)->resident, 0u);
    EXPECT_EQ(CountResident(file)->total, 300u);
    uint8_t byte;
    EXPECT_THAT(file.Read(absl::MakeSpan(&byte, 1), 200 * kPage), IsOk());
    const auto residency = CountResident(file);
    EXPECT_GT(residency->resident, 0u);
    EXPECT_LT(residency->resident, 300u);
  };
  if (GetParam() == 0) {
    check();
  } else {
    RunForbidding(kCachestat, GetParam(), check);
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, WithoutCachestat,
                         testing::Values(0, ENOSYS, EPERM));

// Runs `body` on a thread that is not root, whoever runs the test. The bare
// call changes the calling thread only (setresuid(2)).
template <typename Body>
void AsNobody(Body body) {
  std::thread([&] {
    constexpr int kNobody = 65534;
    if (geteuid() == 0) {
      ASSERT_EQ(syscall(SYS_setresuid, kNobody, kNobody, kNobody), 0);
    }
    body();
  }).join();
}

TEST(PageCache, DroppingEverybodysPagesNeedsRoot) {
  AsNobody([] {
    EXPECT_THAT(DropAllPages(),
                IsError(kPermissionDenied,
                        HasSubstr("/proc/sys/vm/drop_caches': Permission "
                                  "denied; run as root or pass --evict=")));
  });
}

TEST(PageCache, FileOfAnotherUserIsRefusedNotCountedWrongly) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  TemporaryDirectory directory;
  const File writable = OpenPages(directory, 4);
  ASSERT_EQ(fchmod(writable.fd(), 0644), 0);
  const File file = File::Open(writable.path(), O_RDONLY).value();
  AsNobody([&] {
    EXPECT_THAT(CountResident(file),
                IsError(kPermissionDenied,
                        HasSubstr("use a file that you own or may write")));
  });
}

// The kernel asks who the caller is in effect (can_do_mincore() in the kernel's
// mm/mincore.c).
TEST(PageCache, MincoreIsBelievedByWhoMayAskInEffect) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  TemporaryDirectory directory;
  const File writable = OpenOnes(directory, 4096);
  ASSERT_EQ(fchmod(writable.fd(), 0644), 0);
  const File file = File::Open(writable.path(), O_RDONLY).value();
  std::thread([&] {
    ASSERT_EQ(syscall(SYS_setresuid, -1, 65534, -1), 0);
    EXPECT_FALSE(MincoreTellsTruth(file));
  }).join();
  EXPECT_TRUE(MincoreTellsTruth(file));
}

TEST(PageCache, FileSystemInMemoryCannotBeEvicted) {
  const std::string path =
      "/dev/shm/pagestall-test-" + std::to_string(getpid());
  const auto file = File::Open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!file.ok()) GTEST_SKIP() << "no /dev/shm: " << file.status();
  unlink(path.c_str());
  EXPECT_THAT(CheckEvictable(*file),
              IsError(kUnimplemented, HasSubstr("pass --data_dir")));
}

}  // namespace
}  // namespace pagestall
