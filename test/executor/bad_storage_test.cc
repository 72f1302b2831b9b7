// Storage that answers with less than it was asked for, or not any more: the
// right sums, or an error of the scan, for every source on every executor.

#include <fcntl.h>

#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "lib/file/file.h"
#include "lib/file/page_cache.h"
#include "test/availability.h"
#include "test/every_pair.h"
#include "test/loop_mount.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using Sums = absl::StatusOr<std::vector<uint64_t>>;

constexpr size_t kFileBytes = 1 << 20;

// No two pages are the same.
std::vector<uint8_t> FileBytes() {
  std::vector<uint8_t> bytes(kFileBytes);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(i + (i >> 12) * 7);
  }
  return bytes;
}

void WriteFiles(const std::string& directory) {
  for (const char* name : {"/a", "/b"}) {
    const auto file = File::Open(directory + name, O_WRONLY | O_CREAT, 0600);
    ASSERT_THAT(file, IsOk());
    ASSERT_THAT(file->Write(FileBytes(), 0), IsOk());
  }
}

std::vector<uint64_t> ExpectedSums() {
  const std::vector<uint8_t> bytes = FileBytes();
  return std::vector(2,
                     std::accumulate(bytes.begin(), bytes.end(), uint64_t{0}));
}

Sums Scan(const Executor& executor, const Source& source,
          const std::string& directory, size_t random_block_bytes = 0) {
  return RunScan(executor, source,
                 {.paths = {directory + "/a", directory + "/b"},
                  .stride = 1,
                  .source_options = {.buffer_bytes = 16384,
                                     .chunk_bytes = 32768,
                                     .ahead = 2},
                  .random_block_bytes = random_block_bytes,
                  .watchers = {}});
}

// Unimplemented where the kernel refuses a mapping, which could not tell a
// short answer from the end of the file.
Sums ScanUnmapped(const Executor& executor, const Source& source,
                  const std::string& directory, size_t random_block_bytes) {
  Sums sums = Scan(executor, source, directory, random_block_bytes);
  const bool refused =
      absl::StrContains(sums.status().message(), ": No such device");
  return refused ? absl::UnimplementedError("mmap") : sums;
}

// Scans with every pair, and checks what those that can run here give: at least
// `least` of them.
void CheckEveryPair(
    int least,
    absl::FunctionRef<Sums(const Executor& executor, const Source& source)>
        scan,
    absl::FunctionRef<void(const Sums& sums)> check) {
  int ran = 0;
  for (const auto& [executor, source] : EveryPair()) {
    SCOPED_TRACE(std::string(executor.name) + " " + source.name);
    const Sums sums = scan(executor, source);
    if (IsNotAvailable(sums.status())) continue;
    check(sums);
    ++ran;
  }
  EXPECT_GE(ran, least);
}

constexpr int kRead = 4;    // `read` everywhere
constexpr int kPlain = 18;  // what needs neither io_uring nor preadv2(2)

void ExpectRight(const Sums& sums) {
  EXPECT_THAT(sums, IsOkAndHolds(ExpectedSums()));
}

// Names one of the files, and why.
testing::Matcher<std::string> NamesFileOf(
    const std::string& directory, const testing::Matcher<std::string>& cause) {
  return AllOf(AnyOf(HasSubstr("'" + directory + "/a'"),
                     HasSubstr("'" + directory + "/b'")),
               cause);
}

TEST(BadStorage, InterruptedReadsGiveRightSums) {
  const TemporaryDirectory directory;
  WriteFiles(directory.path());
  const SlowMount mount(directory.path(),
                        {"--interrupt_share=0.5", "--read_ahead_kib=0"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto scan = [&](const Executor& executor, const Source& source) {
    // The kernel makes a SIGBUS of any error.
    if (absl::StrContains(source.name, "mmap")) {
      return Sums(absl::UnimplementedError("mmap"));
    }
    for (const char* name : {"/a", "/b"}) {
      EXPECT_THAT(Evict(File::Open(mount.path() + name, O_RDONLY).value()),
                  IsOk());
    }
    return Scan(executor, source, mount.path());
  };
  CheckEveryPair(kRead, scan, ExpectRight);
}

TEST(BadStorage, ShortInterruptedAndFailedReadsGiveRightSumsOrAnError) {
  const TemporaryDirectory directory;
  WriteFiles(directory.path());
  const SlowMount mount(
      directory.path(),
      {"--short_reads", "--interrupt_share=0.1", "--fail_share=0.0005"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  int right = 0;
  int failed = 0;
  for (int i = 0; i < 8; ++i) {
    const auto scan = [&](const Executor& executor, const Source& source) {
      return ScanUnmapped(executor, source, mount.path(),
                          i % 2 == 0 ? 0 : 65536);
    };
    CheckEveryPair(kRead, scan, [&](const Sums& sums) {
      ++(sums.ok() ? right : failed);
      if (sums.ok()) {
        ExpectRight(sums);
      } else {
        EXPECT_THAT(std::string(sums.status().message()),
                    NamesFileOf(mount.path(), HasSubstr("Input/output error")));
      }
    });
  }
  EXPECT_GT(right, 0);
  EXPECT_GT(failed, 0);
}

TEST(BadStorage, ServerThatDiesIsAnErrorOfTheScan) {
  const TemporaryDirectory directory;
  WriteFiles(directory.path());
  std::optional<SlowMount> mount;
  const auto mount_anew = [&] {
    mount.emplace(directory.path(),
                  std::vector<std::string>{"--die_at=b:700000"});
    return mount->ok();
  };
  if (!mount_anew()) GTEST_SKIP() << mount->reason();
  const auto scan = [&](const Executor& executor, const Source& source) {
    EXPECT_TRUE(mount_anew()) << mount->reason();
    return Scan(executor, source, mount->path());
  };
  CheckEveryPair(kPlain, scan, [&](const Sums& sums) {
    EXPECT_THAT(std::string(sums.status().message()),
                NamesFileOf(mount->path(),
                            AnyOf(HasSubstr("Software caused connection abort"),
                                  HasSubstr("endpoint is not connected"),
                                  HasSubstr("Input/output error"))));
    EXPECT_EQ(mount->Stop(), -1) << "it was killed";
  });
}

TEST(BadStorage, DeviceThatVanishesIsAnErrorOfTheScan) {
  const LoopMount disk;
  if (!disk.ok()) GTEST_SKIP() << disk.reason();
  WriteFiles(disk.path());
  // Open, so that they can be opened again without the disk.
  std::vector<File> files;
  for (const char* name : {"/a", "/b"}) {
    files.push_back(File::Open(disk.path() + name, O_RDONLY).value());
    ASSERT_THAT(Evict(files.back()), IsOk());
  }
  ASSERT_TRUE(disk.Vanish());
  const auto scan = [&](const Executor& executor, const Source& source) {
    return Scan(executor, source, disk.path());
  };
  CheckEveryPair(kPlain, scan, [&](const Sums& sums) {
    EXPECT_THAT(
        std::string(sums.status().message()),
        NamesFileOf(disk.path(), AllOf(HasSubstr("byte 0"),
                                       HasSubstr("Input/output error"))));
  });
}

}  // namespace
}  // namespace pagestall
