// A ring's operations, and what becomes of those in flight when something goes.

#include "lib/uring/ring.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <memory>
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
#include "test/temporary_directory.h"
#include "test/uring/with_ring.h"

namespace pagestall {
namespace {

class RingTest : public WithRing {
 protected:
  std::shared_ptr<const File> OpenCounting(size_t size) {
    return Open(directory_.Write("counting", Counting(size)), O_RDONLY);
  }

  // Nothing is ever written to it: a read ends when it is cancelled.
  std::shared_ptr<const File> OpenSilentPipe() {
    const std::string path = directory_.path("pipe");
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return Open(path, O_RDWR);
  }

  static std::shared_ptr<const File> Open(const std::string& path, int flags) {
    return std::make_shared<const File>(*File::Open(path, flags));
  }

  static SharedBuffer Buffer(size_t size) {
    return SharedBuffer(PageBuffer(size));
  }
  static std::vector<uint8_t> BytesOf(const SharedBuffer& buffer) {
    return {buffer.bytes().begin(), buffer.bytes().end()};
  }

  // Runs what is ready, until something waits for the kernel.
  void RunWhatIsReady() {
    for (int i = 0; i < 10; ++i) context_.poll();
  }
};

TEST_F(RingTest, ReadsUntilTheBufferIsFullOrTheFileEnds) {
  const auto file = OpenCounting(10000);
  const SharedBuffer buffer = Buffer(8192);
  for (const auto& [offset, size] : {std::pair(0, 8192),
                                     {100, 8192},
                                     {9000, 1000},
                                     {10000, 0},
                                     {20000, 0}}) {
    const auto read = Run(ring_->Read(file, buffer, offset));
    ASSERT_THAT(read, IsOk());
    ASSERT_EQ(*read, static_cast<size_t>(size)) << offset;
    for (size_t i = 0; i < *read; ++i) {
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
      Run(ring_->Read(Open(directory_.path(), O_RDONLY), Buffer(10), 7)),
      IsError(absl::StatusCode::kFailedPrecondition,
              "read at byte 7 '" + directory_.path() + "': Is a directory"));
}

TEST_F(RingTest, MoreOperationsAtOnceThanTheRingHasEntries) {
  constexpr size_t kReads = 2000;
  const auto file = OpenCounting(kReads);
  const SharedBuffer buffer = Buffer(kReads);
  size_t ended = 0;
  for (size_t i = 0; i < kReads; ++i) {
    asio::co_spawn(context_, ring_->Read(file, buffer.Part(i, 1), i),
                   [&](const std::exception_ptr& /*error*/,
                       const absl::StatusOr<size_t>& read) {
                     EXPECT_EQ(read.value_or(0), 1u);
                     ++ended;
                   });
  }
  context_.run();
  EXPECT_EQ(ended, kReads);
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
  absl::StatusOr<size_t> read = 0;
  asio::co_spawn(context_, ring_->Read(pipe, buffer, 0),
                 [&](const std::exception_ptr& /*error*/,
                     const absl::StatusOr<size_t>& value) { read = value; });
  ASSERT_EQ(write(pipe->fd(), "abc", 3), 3);
  RunWhatIsReady();
  EXPECT_EQ(*read, 0u);
  ASSERT_EQ(write(pipe->fd(), "defg", 4), 4);
  context_.run();
  EXPECT_EQ(*read, 7u);
  EXPECT_EQ(std::string(buffer.bytes().begin(), buffer.bytes().end()),
            "abcdefg");
}

TEST_F(RingTest, SlowReadDoesNotBlockTheExecutor) {
  const SlowZeros mount(50ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto file = Open(mount.page(), O_RDONLY);
  const SharedBuffer buffer = Buffer(4096);
  buffer.bytes()[7] = 1;
  asio::steady_timer polled(context_);
  absl::StatusOr<size_t> read;
  EXPECT_NOT_BLOCKED(10ms, read = Run(ring_->Read(file, buffer, 0)));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(BytesOf(buffer), std::vector<uint8_t>(4096, 0));
}

TEST_F(RingTest, CancelledOperationSaysSo) {
  RingOperation operation = ring_->StartRead(OpenSilentPipe(), Buffer(10), 0);
  RunWhatIsReady();
  EXPECT_TRUE(operation.in_flight());
  operation.Cancel();
  EXPECT_FALSE(operation.in_flight());
  EXPECT_EQ(Run(std::move(operation).Wait()), -ECANCELED);
}

TEST_F(RingTest, CancelledCoroutineCancelsItsOperation) {
  RingOperation operation = ring_->StartRead(OpenSilentPipe(), Buffer(10), 0);
  asio::cancellation_signal signal;
  int result = 0;
  asio::co_spawn(context_, std::move(operation).Wait(),
                 asio::bind_cancellation_slot(
                     signal.slot(), [&](const std::exception_ptr& /*error*/,
                                        int value) { result = value; }));
  RunWhatIsReady();
  ASSERT_EQ(result, 0);
  signal.emit(asio::cancellation_type::terminal);
  context_.restart();
  context_.run();
  EXPECT_EQ(result, -ECANCELED);
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

// The coroutine's frame owns what keeps `alive`.
asio::awaitable<void> ReadForever(Ring& ring, std::shared_ptr<const File> pipe,
                                  std::shared_ptr<int> alive) {
  static_cast<void>(co_await ring.Read(pipe, SharedBuffer(PageBuffer(10)), 0));
  *alive = 1;
}

TEST_F(RingTest, ClosesWithOperationsInFlight) {
  const auto pipe = OpenSilentPipe();
  const auto alive = std::make_shared<int>(0);
  {
    asio::io_context context(1);
    auto ring = Ring::Open(context.get_executor());
    ASSERT_THAT(ring, IsOk());
    for (int i = 0; i < 300; ++i) {
      asio::co_spawn(context, ReadForever(**ring, pipe, alive), asio::detached);
    }
    for (int i = 0; i < 10; ++i) context.poll();
    EXPECT_EQ(alive.use_count(), 301);
    ring->reset();
  }
  EXPECT_EQ(alive.use_count(), 1) << "a coroutine is not destroyed";
  EXPECT_EQ(*alive, 0) << "a coroutine was resumed";
  EXPECT_EQ(pipe.use_count(), 1) << "the kernel has not given back the file";
}

TEST_F(RingTest, WaiterMayCloseTheRingUnderOthers) {
  const auto file = OpenCounting(100);
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(context_, ring_->Read(file, Buffer(100), 0),
                   [&](const std::exception_ptr& /*error*/,
                       const absl::StatusOr<size_t>& /*read*/) {
                     ++told;
                     ring_.reset();
                   });
  }
  context_.run();
  EXPECT_EQ(told, 1);
}

TEST_F(RingTest, WaiterThatThrowsDoesNotLoseTheOthers) {
  const auto file = OpenCounting(100);
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(context_, ring_->Read(file, Buffer(100), 0),
                   [&](const std::exception_ptr& /*error*/,
                       const absl::StatusOr<size_t>& /*read*/) {
                     if (++told == 1) throw std::runtime_error("first");
                   });
  }
  EXPECT_THROW(context_.run(), std::runtime_error);
  context_.run();
  EXPECT_EQ(told, 3);
}

TEST_F(RingTest, CancellationAfterTheRingHasGoneReachesNobody) {
  asio::cancellation_signal signal;
  asio::co_spawn(context_, ring_->Read(OpenSilentPipe(), Buffer(10), 0),
                 asio::bind_cancellation_slot(
                     signal.slot(), [](const std::exception_ptr& /*error*/,
                                       const absl::StatusOr<size_t>& /*read*/) {
                       ADD_FAILURE() << "was resumed";
                     }));
  RunWhatIsReady();
  ring_.reset();
  signal.emit(asio::cancellation_type::terminal);
  context_.run();
}

TEST_F(RingTest, ClosesBeforeTheFirstSubmission) {
  RingOperation operation = ring_->StartRead(OpenCounting(100), Buffer(100), 0);
  ring_.reset();
  EXPECT_FALSE(operation.in_flight());
  context_.run();
}

TEST_F(RingTest, IsClosedWhenEverythingWasGivenBack) {
  const auto pipe = OpenSilentPipe();
  RingOperation operation = ring_->StartRead(pipe, Buffer(10), 0);
  RunWhatIsReady();
  EXPECT_TRUE(ring_->Close(10s));
  EXPECT_EQ(pipe.use_count(), 1);
  EXPECT_TRUE(ring_->Close(10s));
}

TEST_F(RingTest, AwaitsAfterItHasGoneAreErrors) {
  const auto file = OpenCounting(100);
  EXPECT_TRUE(ring_->Close({}));
  EXPECT_THAT(Run(ring_->Read(file, Buffer(100), 0)),
              IsError(absl::StatusCode::kFailedPrecondition,
                      testing::HasSubstr("the ring was closed")));
}

TEST_F(RingTest, DoesNotKeepTheContextRunning) {
  const auto pipe = OpenSilentPipe();
  const auto alive = std::make_shared<int>(0);
  asio::co_spawn(context_, ReadForever(*ring_, pipe, alive), asio::detached);
  RunWhatIsReady();
  ring_.reset();
  context_.restart();
  context_.run();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(RingTest, ReadThatNobodyAwaitsDoesNotKeepTheContextRunning) {
  RingOperation operation = ring_->StartRead(OpenSilentPipe(), Buffer(10), 0);
  context_.run();
  EXPECT_TRUE(operation.in_flight());
}

}  // namespace
}  // namespace pagestall
