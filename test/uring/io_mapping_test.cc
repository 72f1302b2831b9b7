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
#include "lib/file/shared_buffer.h"
#include "lib/uring/io_read.h"
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
        if (poll(&readable, 1, 10'000) != 1) {
          ADD_FAILURE() << "nothing was signalled";
          return -ECANCELED;
        }
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

TEST_F(IoMappingTest, PinLimitIsOfHugePagesThatMayBeHeld) {
  constexpr size_t kHuge = size_t{2} << 20;
  const IoMapping mapping = Open(WriteCold(), {.pin_limit_bytes = kHuge});
  const auto one = mapping.Pin(0, 1);
  ASSERT_THAT(one, IsOk());
  EXPECT_THAT(mapping.Pin(kHuge - 1, 2),
              IsError(absl::StatusCode::kResourceExhausted,
                      HasSubstr("pin 8192 bytes")));
  EXPECT_THAT(mapping.Pin(kHuge - 1, 1), IsOk()) << "the same one";
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

TEST_F(IoMappingTest, RangeThatWasToBeReadAheadIsReadAnewAfterThat) {
  const IoMapping mapping = Open(WriteCold(), {.ahead = 4});
  ASSERT_THAT(Request(mapping, 0, 65536), IsOk());
  mapping.StopReadingAhead(ring_.get());
  for (uint64_t offset = 65536; offset < kSize; offset += 65536) {
    ASSERT_THAT(Request(mapping, offset, 65536), IsOk()) << offset;
  }
}

// The storage of what is to be read ahead hangs: in each huge page, which the
// kernel may read as a whole.
class HungAheadTest : public IoMappingTest {
 protected:
  static constexpr size_t kMib = size_t{1} << 20;

  void SetUp() override {
    IoMappingTest::SetUp();
    directory_.Write("file", std::vector<uint8_t>(24 * kMib));
    std::string hang = "--hang_at=";
    for (size_t at = 4 * kMib; at < 24 * kMib; at += 2 * kMib) {
      hang += "file:" + std::to_string(at) + ",";
    }
    hang.pop_back();
    mount_.emplace(directory_.path(),
                   std::vector<std::string>{hang, "--read_ahead_kib=0"});
    if (!mount_->ok()) GTEST_SKIP() << mount_->reason();
  }

  std::optional<SlowMount> mount_;
};

TEST_F(HungAheadTest, DoesNotKeepARequestWaiting) {
  const IoMapping mapping = Open(mount_->path("file"), {.ahead = 16});
  for (size_t offset = 0; offset < 4 * kMib; offset += kMib) {
    EXPECT_THAT(Request(mapping, offset, kMib), IsOk()) << offset;
  }
}

TEST_F(HungAheadTest, IsNotWaitedForWithoutARing) {
  const IoMapping mapping = Open(mount_->path("file"), {.ahead = 4});
  ASSERT_THAT(Request(mapping, 0, kMib), IsOk());
  IoMapping::Request ahead(mapping, 4 * kMib, kMib);
  EXPECT_EQ(ahead.Begin(nullptr), nullptr);
  EXPECT_EQ(ahead.bytes().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(IoMappingTest, StorageThatIsInterruptedIsAskedAgain) {
  SlowZeros mount(0ms, {"--interrupt_share=0.3", "--seed=5"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Evict(*File::Open(mount.large(), O_RDONLY)), IsOk());
    const IoMapping mapping = Open(mount.large());
    EXPECT_THAT(Request(mapping, 0, 65536), IsOk());
  }
}

TEST_F(IoMappingTest, AnotherRingGoesOnWhateverTheFirstHasInHand) {
  SlowZeros mount(0ms, {"--hang_at=large:0", "--read_ahead_kib=0"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const IoMapping mapping = Open(mount.large(), {.ahead = 0});
  // As many as may hang at once.
  for (int i = 0; i < 8; ++i) {
    IoMapping::Request hangs(mapping, 0, 100);
    ASSERT_NE(hangs.Begin(ring_.get()), nullptr);
    ring_->Submit();
  }
  ring_.reset();
  auto other = IoRing::Open();
  ASSERT_THAT(other, IsOk());
  ring_ = *std::move(other);
  EXPECT_THAT(Request(mapping, kSize / 2, 100), IsOk());
}

TEST_F(IoMappingTest, WhatAnotherRingReadsAheadIsReadAnew) {
  // The next ring may lie where the former one did.
  for (const bool first_goes : {false, true}) {
    const IoMapping mapping = Open(WriteCold(), {.ahead = 4});
    for (int rings = 0; rings < 10; ++rings) {
      ASSERT_THAT(Request(mapping, 0, 65536), IsOk());
      if (first_goes) ring_.reset();
      auto other = IoRing::Open();
      ASSERT_THAT(other, IsOk());
      ring_ = *std::move(other);
      for (uint64_t offset = 65536; offset < kSize; offset += 65536) {
        const auto bytes = Request(mapping, offset, 65536);
        ASSERT_THAT(bytes, IsOk()) << rings;
        EXPECT_EQ(*bytes, Bytes(expected_).subspan(offset, 65536));
      }
      ASSERT_THAT(Evict(*File::Open(directory_.path("file"), O_RDONLY)),
                  IsOk());
    }
  }
}

TEST_F(IoMappingTest, StopsReadingAheadOnTheRingThatItWasBegunOn) {
  const IoMapping mapping = Open(WriteCold(), {.ahead = 4});
  ASSERT_THAT(Request(mapping, 0, 65536), IsOk());
  auto other = IoRing::Open();
  ASSERT_THAT(other, IsOk());
  mapping.StopReadingAhead(other->get());
  other->reset();
  EXPECT_THAT(Request(mapping, kSize / 2, 65536), IsOk());
  EXPECT_TRUE(IoRing::Close(std::move(ring_), std::chrono::seconds(10)));
}

TEST_F(IoMappingTest, TaskThatHasEndedDoesNotGoOn) {
  IoRead read(std::make_shared<const File>(
                  *File::OpenRegular(directory_.Write("file", {1, 2, 3}))),
              SharedBuffer(PageBuffer(2)), 0, {});
  EXPECT_NE(read.Begin(ring_.get()), nullptr);
  EXPECT_EQ(read.GoOn(ring_.get(), -EIO), nullptr);
  EXPECT_EQ(read.GoOn(ring_.get(), -EINTR), nullptr);
  EXPECT_FALSE(read.read().ok());
}

TEST_F(IoMappingTest, PinOutlivesItsMappingAsARefusal) {
  auto mapping = std::make_unique<IoMapping>(Open(WriteCold()));
  auto pinned = mapping->Pin(5000, 10'000);
  ASSERT_THAT(pinned, IsOk());
  mapping.reset();
  IoMapping::Request request(*pinned);
  EXPECT_EQ(request.Begin(ring_.get()), nullptr);
  EXPECT_THAT(request.bytes(), IsError(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("was unmapped")));
  const IoMapping::Pinned moved = *std::move(pinned);
  EXPECT_TRUE(pinned->bytes().empty());  // NOLINT(bugprone-use-after-move)
}

TEST_F(IoMappingTest, PinnedIsReadAndStays) {
  const IoMapping mapping = Open(WriteCold());
  const auto pinned = mapping.Pin(5000, 10'000);
  ASSERT_THAT(pinned, IsOk());
  IoMapping::Request request(*pinned);
  Run(request);
  ASSERT_THAT(request.bytes(), IsOk());
  EXPECT_EQ(*request.bytes(), Bytes(expected_).subspan(5000, 10'000));
  EXPECT_EQ(pinned->bytes(), *request.bytes());
}

}  // namespace
}  // namespace pagestall
