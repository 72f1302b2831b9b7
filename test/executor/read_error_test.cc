// A device that cannot read a block is an error of whoever needed it, for every
// source on every executor.

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/executor/lookups.h"
#include "lib/source/named.h"
#include "test/availability.h"
#include "test/every_pair.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using testing::HasSubstr;

constexpr size_t kOnes = 1 << 20;
constexpr size_t kBad = 700'000;
constexpr size_t kChunk = 16384;
// From where a source may have wanted the block, and named that: its own read
// or the kernel's began there, with the read-ahead of the mount.
constexpr size_t kReach = size_t{128} << 10;

// Two files, one with a bad byte.
class BadDisk {
 public:
  BadDisk() : mount_(Write(directory_), {"--fail_at=bad:700000"}) {}

  bool ok() const { return mount_.ok(); }
  const std::string& reason() const { return mount_.reason(); }
  std::string path(const std::string& name) const { return mount_.path(name); }

 private:
  static std::string Write(const TemporaryDirectory& directory) {
    directory.Write("bad", std::vector<uint8_t>(kOnes, 1));
    directory.Write("good", std::vector<uint8_t>(kOnes, 1));
    return directory.path();
  }

  TemporaryDirectory directory_;
  SlowMount mount_;
};

class ReadError : public OfEveryPair {
 protected:
  static void SetUpTestSuite() { disk_.emplace(); }
  static void TearDownTestSuite() { disk_.reset(); }

  void SetUp() override {
    if (!disk_->ok()) GTEST_SKIP() << disk_->reason();
    const absl::Status status = Scan({"good"}).status();
    if (IsNotAvailable(status)) GTEST_SKIP() << status;
  }

  static SourceOptions Options() {
    return {.buffer_bytes = 4096, .chunk_bytes = kChunk, .ahead = 2};
  }

  absl::StatusOr<std::vector<uint64_t>> Scan(
      const std::vector<std::string>& files, size_t yield_bytes = 0,
      size_t random_block_bytes = 0) {
    ScanSpec spec{.paths = {},
                  .stride = 1,
                  .source_options = Options(),
                  .yield_bytes = yield_bytes,
                  .random_block_bytes = random_block_bytes,
                  .watchers = {}};
    for (const std::string& file : files) {
      spec.paths.push_back(disk_->path(file));
    }
    return RunScan(executor(), source(), spec);
  }

  // An error that names the file, a byte within reach of the bad one, and why;
  // one of a failure, not of what a machine does not have.
  static void ExpectNamed(const absl::Status& status) {
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr("'" + disk_->path("bad") + "'"));
    EXPECT_THAT(message, HasSubstr("Input/output error"));
    const size_t word = message.find("byte ");
    ASSERT_NE(word, std::string::npos) << message;
    const size_t byte = std::stoull(message.substr(word + 5));
    EXPECT_GE(byte + kReach, kBad) << message;
    EXPECT_LE(byte, kBad) << message;
    EXPECT_FALSE(absl::IsUnimplemented(status)) << message;
    EXPECT_FALSE(absl::IsPermissionDenied(status)) << message;
  }

  static std::optional<BadDisk> disk_;
};

std::optional<BadDisk> ReadError::disk_;

TEST_P(ReadError, OfAScanNamesFileByteAndCause) {
  ExpectNamed(Scan({"good", "bad"}).status());
  ExpectNamed(Scan({"bad"}, 4096).status());
  ExpectNamed(Scan({"bad"}, 0, 65536).status());
}

TEST_P(ReadError, LeavesWhatIsReadAfterwardsAlone) {
  ExpectNamed(Scan({"bad"}).status());
  EXPECT_THAT(Scan({"good"}), IsOkAndHolds(std::vector<uint64_t>{kOnes}));
}

TEST_P(ReadError, OfALookupNamesFileByteAndCause) {
  if (!source().opens_async()) {
    GTEST_SKIP() << "is not awaited, so it has no lookups";
  }
  constexpr size_t kRecord = 4096;
  SourceOptions options = Options();
  options.random = true;
  const auto look_up = [&](const std::string& file) {
    auto lookups = Lookups::Prepare(
        source(), {.paths = {disk_->path(file)},
                   .record_bytes = kRecord,
                   .lookups = {{.file = 0, .record = 3},
                               {.file = 0, .record = kBad / kRecord}},
                   .coroutines = 1,
                   .source_options = options,
                   .check =
                       [](const Lookup& /*lookup*/, Chunk bytes) {
                         return bytes[0] == 1
                                    ? absl::OkStatus()
                                    : absl::InternalError("wrong record");
                       },
                   .watchers = {}});
    return lookups.ok() ? (*lookups)->Run().status() : lookups.status();
  };
  ExpectNamed(look_up("bad"));
  EXPECT_THAT(look_up("good"), IsOk());
}

// For whom the bytes are zeros once the first could not touch them.
TEST(ReadErrorOfALookup, IsThatOfOthersThatWantTheSameRecord) {
  const TemporaryDirectory directory;
  directory.Write("file", std::vector<uint8_t>(kOnes, 1));
  const SlowMount mount(
      directory.path(),
      {"--fail_at=file:0", "--latency_ms=50", "--read_ahead_kib=0"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  auto lookups = Lookups::Prepare(
      Named("mmap_pool", Sources()),
      {.paths = {mount.path("file")},
       .record_bytes = 4096,
       .lookups = {{.record = 0}, {.record = 9}, {.record = 0}},
       .coroutines = 2,
       .source_options = {.ahead = 0, .random = true},
       .check =
           [](const Lookup& /*lookup*/, Chunk bytes) {
             if (bytes[0] != 1) return absl::InternalError("wrong record");
             // The first is still to learn what became of its bytes.
             std::this_thread::sleep_for(std::chrono::milliseconds(25));
             return absl::OkStatus();
           },
       .watchers = {}});
  ASSERT_THAT(lookups, IsOk());
  EXPECT_THAT((*lookups)->Run(),
              IsError(kDataLoss, HasSubstr("Input/output error")));
}

INSTANTIATE_TEST_SUITE_P(Every, ReadError, testing::ValuesIn(EveryPair()),
                         NameOfPair);

}  // namespace
}  // namespace pagestall
