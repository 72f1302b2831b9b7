// What every source owes every executor.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>
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

class Conformance : public testing::TestWithParam<Pair> {
 protected:
  void SetUp() override { SKIP_UNLESS_AVAILABLE(executor(), source()); }

  const Executor& executor() const { return std::get<0>(GetParam()); }
  const Source& source() const { return std::get<1>(GetParam()); }

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
            .yield_bytes = yield_bytes_,
            .watchers = {}};
  }

  size_t yield_bytes_ = 0;
  TemporaryDirectory directory_;
  std::vector<std::vector<uint8_t>> contents_;
  std::vector<std::string> paths_;
};

TEST_P(Conformance, SumsEveryFileForEveryStride) {
  WriteFiles();
  for (const uint64_t stride :
       {1, 7, 64, 512, 4095, 4096, 5000, 70000, 1 << 20, 1 << 30}) {
    auto scan = executor().prepare(source(), Spec(stride));
    ASSERT_THAT(scan, IsOk());
    const auto sums = (*scan)->Run();
    ASSERT_THAT(sums, IsOk());
    EXPECT_EQ(*sums, Expected(stride)) << "stride " << stride;
  }
}

TEST_P(Conformance, YieldingDoesNotChangeTheSums) {
  WriteFiles();
  for (const size_t bytes : {1000, 4096, 65536, 1 << 30}) {
    yield_bytes_ = bytes;
    for (const uint64_t stride : {1, 512, 70000}) {
      auto scan = executor().prepare(source(), Spec(stride));
      ASSERT_THAT(scan, IsOk());
      const auto sums = (*scan)->Run();
      ASSERT_THAT(sums, IsOk());
      EXPECT_EQ(*sums, Expected(stride)) << bytes << ", stride " << stride;
    }
  }
}

TEST_P(Conformance, OrderOfTheBlocksDoesNotChangeTheSums) {
  WriteFiles();
  for (const size_t bytes : {4096, 3 * 4096, 1 << 20}) {
    for (const uint64_t stride : {1, 512, 5000, 70000}) {
      ScanSpec spec = Spec(stride);
      spec.random_block_bytes = bytes;
      auto scan = executor().prepare(source(), spec);
      ASSERT_THAT(scan, IsOk());
      const auto sums = (*scan)->Run();
      ASSERT_THAT(sums, IsOk());
      EXPECT_EQ(*sums, Expected(stride)) << bytes << ", stride " << stride;
    }
  }
}

TEST_P(Conformance, PrefetchDoesNotChangeTheSums) {
  WriteFiles();
  ScanSpec spec = Spec(512);
  spec.prefetch = Prefetch{.bytes_ahead = 4096};
  auto scan = executor().prepare(source(), spec);
  ASSERT_THAT(scan, IsOk());
  const auto sums = (*scan)->Run();
  ASSERT_THAT(sums, IsOk());
  EXPECT_EQ(*sums, Expected(512));
}

// Every call that waits is interrupted again and again (signal(7)).
TEST_P(Conformance, SignalsDoNotChangeTheSums) {
  WriteFiles();
  const SignalStorm storm;
  for (int repetition = 0; repetition < 5; ++repetition) {
    for (const std::string& path : paths_) {
      const auto file = File::Open(path, O_RDONLY);
      ASSERT_THAT(file, IsOk());
      ASSERT_THAT(Evict(*file), IsOk());
    }
    auto scan = executor().prepare(source(), Spec(512));
    ASSERT_THAT(scan, IsOk());
    const auto sums = (*scan)->Run();
    ASSERT_THAT(sums, IsOk());
    EXPECT_EQ(*sums, Expected(512));
  }
  EXPECT_GT(SignalStorm::handled(), 0);
}

TEST_P(Conformance, NoFileIsNoSum) {
  auto scan = executor().prepare(source(), Spec(512));
  ASSERT_THAT(scan, IsOk());
  const auto sums = (*scan)->Run();
  ASSERT_THAT(sums, IsOk());
  EXPECT_TRUE(sums->empty());
}

TEST_P(Conformance, ReadsNothingBeforeTheWindow) {
  WriteFiles();
  auto scan = executor().prepare(source(), Spec(1));
  ASSERT_THAT(scan, IsOk());
  contents_[8] = RandomBytes(contents_[8].size(), 100);
  std::fstream file(paths_[8], std::ios::in | std::ios::out | std::ios::binary);
  file.write(reinterpret_cast<const char*>(contents_[8].data()),
             static_cast<std::streamsize>(contents_[8].size()));
  file.close();
  ASSERT_TRUE(file);
  const auto sums = (*scan)->Run();
  ASSERT_THAT(sums, IsOk());
  EXPECT_EQ(*sums, Expected(1));
}

TEST_P(Conformance, ScanThatNeverRunsIsJustClosed) {
  WriteFiles();
  EXPECT_THAT(executor().prepare(source(), Spec(512)), IsOk());
}

TEST_P(Conformance, MissingFileIsNamed) {
  paths_ = {directory_.path("missing")};
  EXPECT_THAT(executor().prepare(source(), Spec(512)),
              IsError(absl::StatusCode::kNotFound, HasSubstr(paths_[0])));
}

TEST_P(Conformance, FileThatCannotBeReadIsNamed) {
  paths_ = {directory_.path()};  // a directory opens, but has no bytes
  auto scan = executor().prepare(source(), Spec(512));
  const absl::Status status =
      scan.ok() ? (*scan)->Run().status() : scan.status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("'" + paths_[0] + "': "));
}

INSTANTIATE_TEST_SUITE_P(Every, Conformance, testing::ValuesIn(EveryPair()),
                         NameOfPair);

}  // namespace
}  // namespace pagestall
