// The mapping without an executor, driven by a loop of poll(2) as that of any
// language could.

#include "lib/uring/io_mapping.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/page_cache.h"
#include "lib/uring/io_ring.h"
#include "lib/uring/io_task.h"
#include "test/availability.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using testing::HasSubstr;
using Bytes = absl::Span<const uint8_t>;

class IoMappingTest : public testing::Test {
 protected:
  static constexpr size_t kSize = size_t{4} << 20;

  void SetUp() override {
    auto ring = IoRing::Open();
    if (IsNotAvailable(ring.status())) GTEST_SKIP() << ring.status();
    ASSERT_THAT(ring, IsOk());
    ring_ = *std::move(ring);
    std::iota(expected_.begin(), expected_.end(), uint8_t{0});
  }

  std::string WriteCold() {
    std::string path = directory_.Write("file", expected_);
    EXPECT_THAT(Evict(*File::Open(path, O_RDONLY)), IsOk());
    return path;
  }

  static IoMapping Open(const std::string& path,
                        const IoMapping::Options& options = {}) {
    auto mapping = IoMapping::Open(path, options);
    EXPECT_THAT(mapping, IsOk());
    return *std::move(mapping);
  }

  // Waits for the operation that ends next to be told.
  int Wait(const IoRing::Ticket& operation) {
    std::optional<int> result;
    IoRing::Done done = [&](int value) { result = value; };
    EXPECT_TRUE(ring_->Tell(operation, done));
    while (!result.has_value()) {
      ring_->Submit();
      if (auto ended = ring_->NextEnded()) {
        ended->done(ended->result);
      } else if (ring_->Arm()) {
        pollfd readable = {ring_->descriptor(), POLLIN, 0};
        EXPECT_EQ(poll(&readable, 1, 10'000), 1) << "nothing was signalled";
        ring_->Disarm();
      }
    }
    return *result;
  }

  void Run(IoTask& task) {
    for (auto next = task.Begin(ring_.get()); next != nullptr;) {
      const int result = Wait(next);
      next = task.GoOn(ring_.get(), result);
    }
  }

  absl::StatusOr<Bytes> Request(const IoMapping& mapping, uint64_t offset,
                                size_t size) {
    IoMapping::Request request(mapping, offset, size);
    Run(request);
    return request.bytes();
  }

  TemporaryDirectory directory_;
  std::vector<uint8_t> expected_ = std::vector<uint8_t>(kSize);
  IoRing::Owner ring_;
};

TEST_F(IoMappingTest, RangesAreThereColdAndWarmInAnyOrder) {
  for (const bool random : {false, true}) {
    const IoMapping mapping = Open(WriteCold(), {.random = random});
    EXPECT_EQ(mapping.size(), kSize);
    for (const char* state : {"cold", "warm"}) {
      for (const size_t size : {100, 300'000}) {
        for (size_t offset = 0; offset < kSize; offset += size * 7) {
          const auto bytes = Request(mapping, offset, size);
          ASSERT_THAT(bytes, IsOk());
          ASSERT_EQ(*bytes, Bytes(expected_).subspan(offset, size)) << state;
        }
      }
    }
  }
}

TEST_F(IoMappingTest, WhatIsInMemoryNeedsNoRing) {
  const std::string path = directory_.Write("file", expected_);
  for (const bool random : {false, true}) {
    const IoMapping mapping = Open(path, {.random = random});
    IoMapping::Request request(mapping, 5000, 100);
    EXPECT_EQ(request.Begin(nullptr), nullptr);
    ASSERT_THAT(request.bytes(), IsOk());
    EXPECT_EQ(*request.bytes(), Bytes(expected_).subspan(5000, 100));
  }
}

TEST_F(IoMappingTest, WhatIsNotEndsInWordsWithoutOne) {
  SlowZeros mount(0ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  for (const bool random : {false, true}) {
    const IoMapping mapping = Open(mount.large(), {.random = random});
    IoMapping::Request request(mapping, 0, 100);
    EXPECT_EQ(request.Begin(nullptr), nullptr);
    EXPECT_THAT(request.bytes(), IsError(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("the ring was closed")));
  }
}

TEST_F(IoMappingTest, CancelledOperationEndsItsRequest) {
  SlowZeros mount(0ms, {"--hang_at=large:0"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  for (const bool random : {false, true}) {
    const IoMapping mapping = Open(mount.large(), {.random = random});
    IoMapping::Request request(mapping, 0, 100);
    const IoRing::Ticket first = request.Begin(ring_.get());
    ASSERT_NE(first, nullptr);
    ring_->Submit();
    ring_->Cancel(first);
    EXPECT_EQ(Wait(first), -ECANCELED);
    EXPECT_EQ(request.GoOn(ring_.get(), -ECANCELED), nullptr);
    EXPECT_EQ(request.bytes().status().code(), absl::StatusCode::kCancelled);
  }
}

TEST_F(IoMappingTest, RequestThatIsLetGoLeavesWhatIsReadAheadToOthers) {
  const IoMapping mapping = Open(WriteCold(), {.ahead = 2});
  ASSERT_THAT(Request(mapping, 0, 65536), IsOk());
  {
    IoMapping::Request joining(mapping, 65536, 65536);
    ASSERT_NE(joining.Begin(ring_.get()), nullptr);
  }
  for (const size_t offset : {65536, 131072}) {
    const auto bytes = Request(mapping, offset, 65536);
    ASSERT_THAT(bytes, IsOk());
    EXPECT_EQ(*bytes, Bytes(expected_).subspan(offset, 65536));
  }
}

TEST_F(IoMappingTest, NothingIsReadAheadOnceThatWasStopped) {
  SlowZeros mount(0ms, {"--hang_at=large:32768"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const IoMapping mapping = Open(mount.large(), {.ahead = 1});
  IoMapping::Request first(mapping, 0, 32768);
  const IoRing::Ticket populate = first.Begin(ring_.get());
  ASSERT_NE(populate, nullptr);
  ring_->Submit();
  mapping.StopReadingAhead(ring_.get());
  // What was read ahead hangs, and is nobody's any more.
  IoMapping::Request second(mapping, 32768, 100);
  const IoRing::Ticket ahead = second.Begin(ring_.get());
  ASSERT_NE(ahead, nullptr);
  EXPECT_EQ(ring_->ResultOf(ahead), -ECANCELED);
}

TEST_F(IoMappingTest, PinnedIsReadAndStays) {
  const IoMapping mapping = Open(WriteCold());
  const auto pinned = mapping.Pin(5000, 10'000);
  ASSERT_THAT(pinned, IsOk());
  IoMapping::Request request(mapping, *pinned);
  Run(request);
  ASSERT_THAT(request.bytes(), IsOk());
  EXPECT_EQ(*request.bytes(), Bytes(expected_).subspan(5000, 10'000));
  EXPECT_EQ(pinned->bytes(), *request.bytes());
}

}  // namespace
}  // namespace pagestall
