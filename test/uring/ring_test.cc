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
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "lib/file/file.h"
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
  File OpenCounting(size_t size) {
    return *File::Open(directory_.Write("counting", Counting(size)), O_RDONLY);
  }

  // Nothing is ever written to it: a read ends when it is cancelled.
  File OpenSilentPipe() {
    const std::string path = directory_.path("pipe");
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return *File::Open(path, O_RDWR);
  }

  // Runs what is ready, until something waits for the kernel.
  void RunWhatIsReady() {
    for (int i = 0; i < 10; ++i) context_.poll();
  }
};

TEST_F(RingTest, ReadsUntilTheBufferIsFullOrTheFileEnds) {
  const File file = OpenCounting(10000);
  RingOperation operation(*ring_);
  std::vector<uint8_t> buffer(8192);
  for (const auto& [offset, size] : {std::pair(0, 8192),
                                     {100, 8192},
                                     {9000, 1000},
                                     {10000, 0},
                                     {20000, 0}}) {
    const auto read =
        Run(AwaitRead(operation, file, absl::MakeSpan(buffer), offset));
    ASSERT_THAT(read, IsOk());
    ASSERT_EQ(*read, static_cast<size_t>(size)) << offset;
    for (size_t i = 0; i < *read; ++i) {
      ASSERT_EQ(buffer[i], static_cast<uint8_t>(offset + i));
    }
  }
}

TEST_F(RingTest, ErrorNamesOperationOffsetAndPath) {
  const auto directory = File::Open(directory_.path(), O_RDONLY);
  ASSERT_THAT(directory, IsOk());
  RingOperation operation(*ring_);
  std::vector<uint8_t> buffer(10);
  EXPECT_THAT(
      Run(AwaitRead(operation, *directory, absl::MakeSpan(buffer), 7)),
      IsError(absl::StatusCode::kFailedPrecondition,
              "read at byte 7 '" + directory_.path() + "': Is a directory"));
}

TEST_F(RingTest, MoreOperationsAtOnceThanTheRingHasEntries) {
  constexpr size_t kReads = 2000;
  const File file = OpenCounting(kReads);
  std::list<RingOperation> operations;
  std::vector<uint8_t> buffer(kReads);
  size_t ended = 0;
  for (size_t i = 0; i < kReads; ++i) {
    RingOperation& operation = operations.emplace_back(*ring_);
    asio::co_spawn(
        context_,
        AwaitRead(operation, file, absl::MakeSpan(buffer).subspan(i, 1), i),
        [&](const std::exception_ptr& /*error*/,
            const absl::StatusOr<size_t>& read) {
          EXPECT_EQ(read.value_or(0), 1u);
          ++ended;
        });
  }
  context_.run();
  EXPECT_EQ(ended, kReads);
  EXPECT_EQ(buffer, Counting(kReads));
}

TEST_F(RingTest, OperationMayEndBeforeItIsAwaited) {
  const File file = OpenCounting(100);
  RingOperation operation(*ring_);
  std::vector<uint8_t> buffer(100);
  operation.StartRead(file, absl::MakeSpan(buffer), 0);
  while (operation.in_flight()) {
    context_.restart();
    context_.run();
  }
  EXPECT_TRUE(operation.started());
  EXPECT_EQ(Run(operation.Wait()), 100);
  EXPECT_FALSE(operation.started());
  EXPECT_EQ(buffer, Counting(100));
}

TEST_F(RingTest, ShortReadsAreContinued) {
  const File pipe = OpenSilentPipe();
  std::vector<uint8_t> buffer(7);
  RingOperation operation(*ring_);
  absl::StatusOr<size_t> read = 0;
  asio::co_spawn(context_,
                 AwaitRead(operation, pipe, absl::MakeSpan(buffer), 0),
                 [&](const std::exception_ptr& /*error*/,
                     const absl::StatusOr<size_t>& value) { read = value; });
  ASSERT_EQ(write(pipe.fd(), "abc", 3), 3);
  RunWhatIsReady();
  EXPECT_EQ(*read, 0u);
  ASSERT_EQ(write(pipe.fd(), "defg", 4), 4);
  context_.run();
  EXPECT_EQ(*read, 7u);
  EXPECT_EQ(std::string(buffer.begin(), buffer.end()), "abcdefg");
}

TEST_F(RingTest, SlowReadDoesNotBlockTheExecutor) {
  const SlowZeros mount(50ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto file = File::Open(mount.page(), O_RDONLY);
  ASSERT_THAT(file, IsOk());
  RingOperation operation(*ring_);
  std::vector<uint8_t> buffer(4096, 1);
  asio::steady_timer polled(context_);
  absl::StatusOr<size_t> read;
  EXPECT_NOT_BLOCKED(
      10ms, read = Run(AwaitRead(operation, *file, absl::MakeSpan(buffer), 0)));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(buffer, std::vector<uint8_t>(4096, 0));
}

TEST_F(RingTest, CancelledOperationSaysSo) {
  const File pipe = OpenSilentPipe();
  RingOperation operation(*ring_);
  std::vector<uint8_t> buffer(10);
  operation.StartRead(pipe, absl::MakeSpan(buffer), 0);
  RunWhatIsReady();
  EXPECT_TRUE(operation.in_flight());
  operation.Cancel();
  EXPECT_EQ(Run(operation.Wait()), -ECANCELED);
}

TEST_F(RingTest, CancelledCoroutineCancelsItsOperation) {
  const File pipe = OpenSilentPipe();
  RingOperation operation(*ring_);
  std::vector<uint8_t> buffer(10);
  asio::cancellation_signal signal;
  int result = 0;
  operation.StartRead(pipe, absl::MakeSpan(buffer), 0);
  asio::co_spawn(context_, operation.Wait(),
                 asio::bind_cancellation_slot(
                     signal.slot(), [&](const std::exception_ptr& /*error*/,
                                        int value) { result = value; }));
  RunWhatIsReady();
  ASSERT_TRUE(operation.in_flight());
  signal.emit(asio::cancellation_type::terminal);
  context_.restart();
  context_.run();
  EXPECT_EQ(result, -ECANCELED);
}

TEST_F(RingTest, DestroyedOperationHasEnded) {
  const File pipe = OpenSilentPipe();
  const File file = OpenCounting(100);
  auto buffer = std::make_unique<std::vector<uint8_t>>(10);
  auto operation = std::make_unique<RingOperation>(*ring_);
  operation->StartRead(pipe, absl::MakeSpan(*buffer), 0);
  RingOperation other(*ring_);
  std::vector<uint8_t> others(100);
  other.StartRead(file, absl::MakeSpan(others), 0);
  RunWhatIsReady();
  operation.reset();
  buffer.reset();  // whoever writes to it now is caught by a sanitizer
  EXPECT_EQ(Run(other.Wait()), 100);
}

// The coroutine's frame owns the operation and the buffer.
asio::awaitable<void> ReadForever(Ring& ring, const File& pipe,
                                  std::shared_ptr<int> alive) {
  std::vector<uint8_t> buffer(10);
  RingOperation operation(ring);
  static_cast<void>(
      co_await AwaitRead(operation, pipe, absl::MakeSpan(buffer), 0));
  *alive = 1;
}

TEST_F(RingTest, ClosesWithOperationsInFlight) {
  const File pipe = OpenSilentPipe();
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
}

TEST_F(RingTest, WaiterMayCloseTheRingUnderOthers) {
  const File file = OpenCounting(100);
  std::list<RingOperation> operations;
  std::vector<uint8_t> buffer(100);
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(context_,
                   AwaitRead(operations.emplace_back(*ring_), file,
                             absl::MakeSpan(buffer), 0),
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
  const File file = OpenCounting(100);
  std::list<RingOperation> operations;
  std::vector<uint8_t> buffer(100);
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(context_,
                   AwaitRead(operations.emplace_back(*ring_), file,
                             absl::MakeSpan(buffer), 0),
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
  const File pipe = OpenSilentPipe();
  std::vector<uint8_t> buffer(10);
  asio::cancellation_signal signal;
  auto operation = std::make_unique<RingOperation>(*ring_);
  asio::co_spawn(context_,
                 AwaitRead(*operation, pipe, absl::MakeSpan(buffer), 0),
                 asio::bind_cancellation_slot(
                     signal.slot(), [](const std::exception_ptr& /*error*/,
                                       const absl::StatusOr<size_t>& /*read*/) {
                       ADD_FAILURE() << "was resumed";
                     }));
  RunWhatIsReady();
  ring_.reset();
  operation.reset();
  signal.emit(asio::cancellation_type::terminal);
  context_.run();
}

TEST_F(RingTest, ClosesBeforeTheFirstSubmission) {
  const File file = OpenCounting(100);
  std::vector<uint8_t> buffer(100);
  RingOperation operation(*ring_);
  operation.StartRead(file, absl::MakeSpan(buffer), 0);
  ring_.reset();
  EXPECT_FALSE(operation.in_flight());
  context_.run();
}

TEST_F(RingTest, DoesNotKeepTheContextRunning) {
  const File pipe = OpenSilentPipe();
  const auto alive = std::make_shared<int>(0);
  asio::co_spawn(context_, ReadForever(*ring_, pipe, alive), asio::detached);
  RunWhatIsReady();
  ring_.reset();
  context_.restart();
  context_.run();
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace pagestall
