// What every source owes every executor.

#include <fcntl.h>

#include <random>
#include <string>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/page_cache.h"
#include "test/availability.h"
#include "test/every_pair.h"
#include "test/signal_storm.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using testing::HasSubstr;

constexpr size_t kBuffer = 4096;

// Around a buffer, a page and 64 KiB; empty ones between others.
const std::vector<size_t> kSizes = {
    0,           1,     kBuffer - 1, kBuffer, 0, kBuffer + 1,
    3 * kBuffer, 65536, 99991,       1 << 20, 0};

std::vector<uint8_t> RandomBytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

class Conformance : public OfEveryPair {
 protected:
  void SetUp() override { SKIP_UNLESS_AVAILABLE(executor(), source()); }

  void WriteFiles() {
    for (size_t file = 0; file < kSizes.size(); ++file) {
      contents_.push_back(RandomBytes(kSizes[file], file));
      paths_.push_back(
          directory_.Write(std::to_string(file), contents_.back()));
    }
  }

  std::vector<uint64_t> Expected(uint64_t stride) const {
    std::vector<uint64_t> sums;
    for (const std::vector<uint8_t>& content : contents_) {
      uint64_t sum = 0;
      for (size_t i = 0; i < content.size(); ++i) {
        if (i % stride == 0) sum += content[i];
      }
      sums.push_back(sum);
    }
    return sums;
  }

  ScanSpec Spec(uint64_t stride) const {
    return {.paths = paths_,
            .stride = stride,
            .source_options = {.buffer_bytes = kBuffer,
                               .chunk_bytes = 4 * kBuffer,
                               .ahead = 2},
            .watchers = {}};
  }

  auto Scan(const ScanSpec& spec) const {
    return RunScan(executor(), source(), spec);
  }

  TemporaryDirectory directory_;
  std::vector<std::vector<uint8_t>> contents_;
  std::vector<std::string> paths_;
};

TEST_P(Conformance, SumsEveryFileForEveryStride) {
  WriteFiles();
  for (const uint64_t stride :
       {1, 7, 64, 512, 4095, 4096, 5000, 70000, 1 << 20, 1 << 30}) {
    EXPECT_THAT(Scan(Spec(stride)), IsOkAndHolds(Expected(stride)))
        << "stride " << stride;
  }
}

TEST_P(Conformance, YieldingDoesNotChangeTheSums) {
  WriteFiles();
  for (const size_t bytes : {1000, 4096, 65536, 1 << 30}) {
    for (const uint64_t stride : {1, 512, 70000}) {
      ScanSpec spec = Spec(stride);
      spec.yield_bytes = bytes;
      EXPECT_THAT(Scan(spec), IsOkAndHolds(Expected(stride)))
          << bytes << ", stride " << stride;
    }
  }
}

TEST_P(Conformance, OrderOfTheBlocksDoesNotChangeTheSums) {
  WriteFiles();
  for (const size_t bytes : {4096, 3 * 4096, 1 << 20}) {
    for (const uint64_t stride : {1, 512, 5000, 70000}) {
      ScanSpec spec = Spec(stride);
      spec.random_block_bytes = bytes;
      EXPECT_THAT(Scan(spec), IsOkAndHolds(Expected(stride)))
          << bytes << ", stride " << stride;
    }
  }
}

TEST_P(Conformance, PrefetchDoesNotChangeTheSums) {
  WriteFiles();
  ScanSpec spec = Spec(512);
  spec.prefetch = Prefetch{.bytes_ahead = 4096};
  EXPECT_THAT(Scan(spec), IsOkAndHolds(Expected(512)));
}

// Every call that waits is interrupted again and again (signal(7)).
TEST_P(Conformance, SignalsDoNotChangeTheSums) {
  WriteFiles();
  const SignalStorm storm;
  for (int repetition = 0; repetition < 5; ++repetition) {
    for (const std::string& path : paths_) {
      ASSERT_THAT(Evict(File::Open(path, O_RDONLY).value()), IsOk());
    }
    EXPECT_THAT(Scan(Spec(512)), IsOkAndHolds(Expected(512)));
  }
  EXPECT_GT(SignalStorm::handled(), 0);
}

TEST_P(Conformance, NoFileIsNoSum) {
  EXPECT_THAT(Scan(Spec(512)), IsOkAndHolds(testing::IsEmpty()));
}

TEST_P(Conformance, ReadsNothingBeforeTheWindow) {
  WriteFiles();
  auto scan = executor().prepare(source(), Spec(1));
  ASSERT_THAT(scan, IsOk());
  contents_[8] = RandomBytes(contents_[8].size(), 100);
  ASSERT_THAT(File::Open(paths_[8], O_WRONLY)->Write(contents_[8], 0), IsOk());
  EXPECT_THAT((*scan)->Run(), IsOkAndHolds(Expected(1)));
}

TEST_P(Conformance, ScanThatNeverRunsIsJustClosed) {
  WriteFiles();
  EXPECT_THAT(executor().prepare(source(), Spec(512)), IsOk());
}

TEST_P(Conformance, MissingFileIsNamed) {
  paths_ = {directory_.path("missing")};
  EXPECT_THAT(executor().prepare(source(), Spec(512)),
              IsError(kNotFound, HasSubstr(paths_[0])));
}

TEST_P(Conformance, FileThatCannotBeReadIsNamed) {
  paths_ = {directory_.path()};  // a directory opens, but has no bytes
  EXPECT_THAT(std::string(Scan(Spec(512)).status().message()),
              HasSubstr("'" + paths_[0] + "': "));
}

INSTANTIATE_TEST_SUITE_P(Every, Conformance, testing::ValuesIn(EveryPair()),
                         NameOfPair);

}  // namespace
}  // namespace pagestall
