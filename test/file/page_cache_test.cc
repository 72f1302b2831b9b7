#include "lib/file/page_cache.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "lib/file/mapping.h"
#include "test/on_disk.h"
#include "test/page.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using testing::HasSubstr;

absl::StatusOr<File> OpenFileOfPages(const TemporaryDirectory& directory,
                                     size_t pages) {
  return File::Open(
      directory.Write("file", std::vector<uint8_t>(pages * kPage - 1, 1)),
      O_RDWR);
}

// From here on cachestat(2) fails with `error` on the calling thread.
void ForbidCachestat(int error) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 451, 0, 1),
      BPF_STMT(BPF_RET | BPF_K,
               SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(code), .filter = code};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

TEST(PageCache, EvictionLeavesNoPage) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const auto file = OpenFileOfPages(directory, 300);
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(CountResident(*file)->resident, 300u);  // as written
  ASSERT_THAT(Evict(*file), IsOk());
  EXPECT_EQ(CountResident(*file)->resident, 0u);
  EXPECT_EQ(CountResident(*file)->total, 300u);
}

TEST(PageCache, MappedPagesSurviveEvictionAndAreCounted) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const auto file = OpenFileOfPages(directory, 8);
  ASSERT_THAT(file, IsOk());
  const auto mapping = Mapping::Map(*file);
  ASSERT_THAT(mapping, IsOk());
  const volatile uint8_t touched = mapping->bytes()[0];
  EXPECT_EQ(touched, 1);
  ASSERT_THAT(Evict(*file), IsOk());
  EXPECT_FALSE(CountResident(*file)->none());
}

class WithoutCachestat : public testing::TestWithParam<int> {};

TEST_P(WithoutCachestat, MincoreCountsTheSame) {
  TemporaryDirectory directory;
  SKIP_IF_IN_MEMORY(directory.path());
  const auto file = OpenFileOfPages(directory, 300);
  ASSERT_THAT(file, IsOk());
  std::thread([&] {
    ForbidCachestat(GetParam());
    EXPECT_EQ(CountResident(*file)->resident, 300u);
    ASSERT_THAT(Evict(*file), IsOk());
    EXPECT_EQ(CountResident(*file)->resident, 0u);
    uint8_t byte;
    EXPECT_THAT(file->Read(absl::MakeSpan(&byte, 1), 200 * kPage), IsOk());
    const auto residency = CountResident(*file);
    EXPECT_GT(residency->resident, 0u);
    EXPECT_LT(residency->resident, 300u);
  }).join();
}

INSTANTIATE_TEST_SUITE_P(Errors, WithoutCachestat,
                         testing::Values(ENOSYS, EPERM), [](const auto& test) {
                           return test.param == EPERM ? "Eperm" : "Enosys";
                         });

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
                IsError(absl::StatusCode::kPermissionDenied,
                        HasSubstr("/proc/sys/vm/drop_caches': Permission "
                                  "denied; run as root or pass --evict=")));
  });
}

TEST(PageCache, FileOfAnotherUserIsRefusedNotCountedWrongly) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  TemporaryDirectory directory;
  const auto writable = OpenFileOfPages(directory, 4);
  ASSERT_THAT(writable, IsOk());
  ASSERT_EQ(fchmod(writable->fd(), 0644), 0);
  const auto file = File::Open(writable->path(), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  AsNobody([&] {
    EXPECT_THAT(CountResident(*file),
                IsError(absl::StatusCode::kPermissionDenied,
                        HasSubstr("use a file that you own or may write")));
  });
}

// The kernel asks who the caller is in effect (can_do_mincore() in the kernel's
// mm/mincore.c).
TEST(PageCache, MincoreIsBelievedByWhoMayAskInEffect) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  TemporaryDirectory directory;
  const auto writable = OpenFileOfPages(directory, 4);
  ASSERT_THAT(writable, IsOk());
  ASSERT_EQ(fchmod(writable->fd(), 0644), 0);
  const auto file = File::Open(writable->path(), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  std::thread([&] {
    ASSERT_EQ(syscall(SYS_setresuid, -1, 65534, -1), 0);
    EXPECT_FALSE(MincoreTellsTruth(*file));
  }).join();
  EXPECT_TRUE(MincoreTellsTruth(*file));
}

TEST(PageCache, FileSystemInMemoryCannotBeEvicted) {
  const std::string path =
      "/dev/shm/pagestall-test-" + std::to_string(getpid());
  const auto file = File::Open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!file.ok()) GTEST_SKIP() << "no /dev/shm: " << file.status();
  unlink(path.c_str());
  EXPECT_THAT(CheckEvictable(*file), IsError(absl::StatusCode::kUnimplemented,
                                             HasSubstr("pass --data_dir")));
}

}  // namespace
}  // namespace pagestall
