// A ring's operations, and what becomes of those in flight when something goes.

#include "lib/uring/ring.h"

#include <fcntl.h>
#include <unistd.h>

#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/shared_buffer.h"
#include "lib/probe/expect_not_blocked.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/uring/with_ring.h"

namespace pagestall {
namespace {

using testing::HasSubstr;

class RingTest : public WithRing {
 protected:
  std::shared_ptr<const File> OpenCounting(size_t size) {
    return OpenFile(directory_.Write("counting", Counting(size)));
  }

  static SharedBuffer Buffer(size_t size) {
    return SharedBuffer(PageBuffer(size));
  }
  static std::vector<uint8_t> BytesOf(const SharedBuffer& buffer) {
    return {buffer.bytes().begin(), buffer.bytes().end()};
  }

  // Reads, and calls `told` after each.
  void ReadThrice(const std::function<void()>& told) {
    for (int i = 0; i < 3; ++i) {
      asio::co_spawn(
          context_, ring_->Read(OpenCounting(100), Buffer(100), 0),
          [told](const std::exception_ptr& /*error*/,
                 const absl::StatusOr<size_t>& /*read*/) { told(); });
    }
  }
};

TEST_F(RingTest, ReadsUntilTheBufferIsFullOrTheFileEnds) {
  const auto file = OpenCounting(10000);
  const SharedBuffer buffer = Buffer(8192);
  for (const auto& [offset, size] : {std::pair<size_t, size_t>(0, 8192),
                                     {100, 8192},
                                     {9000, 1000},
                                     {10000, 0},
                                     {20000, 0}}) {
    ASSERT_THAT(Run(ring_->Read(file, buffer, offset)), IsOkAndHolds(size));
    for (size_t i = 0; i < size; ++i) {
      ASSERT_EQ(buffer.bytes()[i], static_cast<uint8_t>(offset + i));
    }
  }
}

// A caller's own memory may be gone when the kernel writes to it.
template <typename Buffer>
concept CanBeReadInto = requires(Ring& ring, Buffer buffer) {
  ring.StartRead(nullptr, buffer, 0);
};
static_assert(CanBeReadInto<SharedBuffer>);
static_assert(!CanBeReadInto<absl::Span<uint8_t>>);
static_assert(!CanBeReadInto<std::vector<uint8_t>>);
static_assert(!std::is_constructible_v<SharedBuffer, absl::Span<uint8_t>>);

TEST_F(RingTest, ErrorNamesOperationOffsetAndPath) {
  EXPECT_THAT(
      Run(ring_->Read(OpenFile(directory_.path()), Buffer(10), 7)),
      IsError(kFailedPrecondition,
              "read at byte 7 '" + directory_.path() + "': Is a directory"));
}

TEST_F(RingTest, MoreOperationsAtOnceThanTheRingHasEntries) {
  constexpr size_t kReads = 2000;
  const auto file = OpenCounting(kReads);
  const SharedBuffer buffer = Buffer(kReads);
  std::vector<std::shared_ptr<std::optional<absl::StatusOr<size_t>>>> reads;
  for (size_t i = 0; i < kReads; ++i) {
    reads.push_back(Start(ring_->Read(file, buffer.Part(i, 1), i)));
  }
  context_.run();
  for (const auto& read : reads) EXPECT_THAT(read->value(), IsOkAndHolds(1u));
  EXPECT_EQ(BytesOf(buffer), Counting(kReads));
}

TEST_F(RingTest, OperationMayEndBeforeItIsAwaited) {
  const auto file = OpenCounting(100);
  const SharedBuffer buffer = Buffer(100);
  RingOperation operation = ring_->StartRead(file, buffer, 0);
  EXPECT_TRUE(operation.in_flight());
  EXPECT_EQ(*Run(ring_->Read(file, Buffer(1), 0)), 1u);
  EXPECT_FALSE(operation.in_flight());
  EXPECT_TRUE(operation.started());
  EXPECT_EQ(Run(std::move(operation).Wait()), 100);
  EXPECT_EQ(BytesOf(buffer), Counting(100));
}

TEST_F(RingTest, ShortReadsAreContinued) {
  const auto pipe = OpenSilentPipe();
  const SharedBuffer buffer = Buffer(7);
  const auto read = Start(ring_->Read(pipe, buffer, 0));
  ASSERT_EQ(write(pipe->fd(), "abc", 3), 3);
  RunWhatIsReady();
  EXPECT_FALSE(read->has_value());
  ASSERT_EQ(write(pipe->fd(), "defg", 4), 4);
  context_.run();
  EXPECT_THAT(read->value(), IsOkAndHolds(7u));
  EXPECT_EQ(std::string(buffer.bytes().begin(), buffer.bytes().end()),
            "abcdefg");
}

TEST_F(RingTest, SlowReadDoesNotBlockTheExecutor) {
  const SlowZeros mount(50ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto file = OpenFile(mount.page());
  const SharedBuffer buffer = Buffer(4096);
  buffer.bytes()[7] = 1;
  asio::steady_timer polled(context_);
  absl::StatusOr<size_t> read;
  EXPECT_NOT_BLOCKED(10ms, read = Run(ring_->Read(file, buffer, 0)));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(BytesOf(buffer), std::vector<uint8_t>(4096, 0));
}

TEST_F(RingTest, CancelledOperationSaysSoAndThatOfACancelledCoroutine) {
  RingOperation operation = ring_->StartRead(OpenSilentPipe(), Buffer(10), 0);
  RingOperation awaited = ring_->StartRead(
      OpenFile(directory_.path("pipe"), O_RDWR), Buffer(10), 0);
  asio::cancellation_signal signal;
  const auto result = Start(std::move(awaited).Wait(), signal.slot());
  RunWhatIsReady();
  EXPECT_TRUE(operation.in_flight());
  operation.Cancel();
  EXPECT_FALSE(operation.in_flight());
  ASSERT_FALSE(result->has_value());
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(Run(std::move(operation).Wait()), -ECANCELED);
  EXPECT_EQ(*result, -ECANCELED);
}

// Awaited by one, and by none that may go before its coroutine.
template <typename Operation>
concept CanBeAwaitedInPlace = requires(Operation& operation) {
  operation.Wait();
};
static_assert(!CanBeAwaitedInPlace<RingOperation>);

TEST_F(RingTest, OperationThatIsReplacedIsCancelled) {
  const auto pipe = OpenSilentPipe();
  RingOperation operation = ring_->StartRead(pipe, Buffer(10), 0);
  RunWhatIsReady();
  operation = ring_->StartRead(OpenCounting(100), Buffer(1), 0);
  EXPECT_EQ(Run(std::move(operation).Wait()), 1);
  EXPECT_EQ(pipe.use_count(), 1);
}

TEST_F(RingTest, OperationKeepsItsBufferUntilItHasEnded) {
  const auto pipe = OpenSilentPipe();
  SharedBuffer buffer = Buffer(10);
  const std::weak_ptr<const PageBuffer> kept = buffer.owner();
  const std::weak_ptr<const File> open = pipe;
  {
    RingOperation operation = ring_->StartRead(pipe, buffer, 0);
    RunWhatIsReady();
    buffer = {};
    EXPECT_FALSE(kept.expired());
  }
  EXPECT_EQ(*Run(ring_->Read(OpenCounting(100), Buffer(1), 0)), 1u);
  EXPECT_TRUE(kept.expired());
  EXPECT_EQ(open.use_count(), 1);
}

TEST_F(RingTest, ClosesWithOperationsInFlight) {
  const auto pipe = OpenSilentPipe();
  const auto alive = std::make_shared<int>(0);
  // The coroutine's frame owns what keeps `alive`.
  const auto read_forever =
      [&](std::shared_ptr<int> kept) -> asio::awaitable<void> {
    static_cast<void>(co_await ring_->Read(pipe, Buffer(10), 0));
    *kept = 1;
  };
  for (int i = 0; i < 300; ++i) {
    asio::co_spawn(context_, read_forever(alive), asio::detached);
  }
  RunWhatIsReady();
  EXPECT_EQ(alive.use_count(), 301);
  ring_.reset();
  context_.restart();
  context_.run();
  EXPECT_EQ(alive.use_count(), 1) << "a coroutine is not destroyed";
  EXPECT_EQ(*alive, 0) << "a coroutine was resumed";
  EXPECT_EQ(pipe.use_count(), 1) << "the kernel has not given back the file";
}

TEST_F(RingTest, WaiterMayCloseTheRingUnderOthers) {
  int told = 0;
  ReadThrice([&] {
    ++told;
    ring_.reset();
  });
  context_.run();
  EXPECT_EQ(told, 1);
}

TEST_F(RingTest, WaiterThatThrowsDoesNotLoseTheOthers) {
  int told = 0;
  ReadThrice([&] {
    if (++told == 1) throw std::runtime_error("first");
  });
  EXPECT_THROW(context_.run(), std::runtime_error);
  context_.run();
  EXPECT_EQ(told, 3);
}

TEST_F(RingTest, CancellationAfterTheRingHasGoneReachesNobody) {
  asio::cancellation_signal signal;
  const auto read =
      Start(ring_->Read(OpenSilentPipe(), Buffer(10), 0), signal.slot());
  RunWhatIsReady();
  ring_.reset();
  signal.emit(asio::cancellation_type::terminal);
  context_.run();
  EXPECT_FALSE(read->has_value()) << "was resumed";
}

TEST_F(RingTest, ClosesBeforeTheFirstSubmission) {
  RingOperation operation = ring_->StartRead(OpenCounting(100), Buffer(100), 0);
  ring_.reset();
  EXPECT_FALSE(operation.in_flight());
  context_.run();
}

TEST_F(RingTest, IsClosedWhenEverythingWasGivenBackAndSaysSoAfterwards) {
  const auto pipe = OpenSilentPipe();
  RingOperation operation = ring_->StartRead(pipe, Buffer(10), 0);
  RunWhatIsReady();
  EXPECT_TRUE(ring_->Close(10s));
  EXPECT_EQ(pipe.use_count(), 1);
  EXPECT_TRUE(ring_->Close(10s));
  EXPECT_THAT(Run(ring_->Read(pipe, Buffer(100), 0)),
              IsError(kFailedPrecondition, HasSubstr("the ring was closed")));
}

TEST_F(RingTest, ReadThatNobodyAwaitsDoesNotKeepTheContextRunning) {
  RingOperation operation = ring_->StartRead(OpenSilentPipe(), Buffer(10), 0);
  context_.run();
  EXPECT_TRUE(operation.in_flight());
}

}  // namespace
}  // namespace pagestall
