// The awaited mapping and its ring among Asio's own objects: contexts, strands,
// cancellation signals, threads.

#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/page_cache.h"
#include "lib/file/shared_buffer.h"
#include "lib/uring/awaited_mapping.h"
#include "lib/uring/ring.h"
#include "test/forbidden_call.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"
#include "test/uring/with_ring.h"

namespace pagestall {
namespace {

// Not `using namespace`: || of this namespace is for awaitables alone.
using asio::experimental::awaitable_operators::operator||;
using std::chrono::steady_clock;
using testing::HasSubstr;
using Bytes = absl::Span<const uint8_t>;

class RingContextTest : public WithMapping {};

// A service's main coroutine, whose frame owns all that it uses.
asio::awaitable<void> Own(std::string path, std::shared_ptr<int> alive) {
  const auto ring = Ring::Open(co_await asio::this_coro::executor);
  const auto mapping = AwaitedMapping::Open(path, **ring, {});
  static_cast<void>(co_await (*mapping)->Await(0, 1));
  *alive = 1;
}

size_t CountDescriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

size_t CountMappings(const std::string& path) {
  std::ifstream file("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    count += line.find(path) != std::string::npos ? 1 : 0;
  }
  return count;
}

TEST_F(RingContextTest, DestroyedContextDestroysWhatAwaits) {
  const auto alive = std::make_shared<int>(0);
  std::string path;
  size_t before = 0;
  {
    const SlowZeros mount(20ms);
    if (!mount.ok()) GTEST_SKIP() << mount.reason();
    path = mount.page();
    before = CountDescriptors();
    for (int i = 0; i < 10; ++i) {
      ASSERT_THAT(Evict(*File::Open(path, O_RDONLY)), IsOk());
      asio::io_context context(1);
      asio::co_spawn(context, Own(path, alive), asio::detached);
      for (int turn = 0; turn < 3; ++turn) context.poll();
    }
    EXPECT_EQ(alive.use_count(), 1) << "a coroutine is not destroyed";
    // What the kernel has not given back is looked for by the next ring.
    for (int wait = 0; wait < 1000 && CountMappings(path) > 0; ++wait) {
      std::this_thread::sleep_for(10ms);
      ASSERT_THAT(Ring::Open(context_.get_executor()), IsOk());
    }
    EXPECT_EQ(CountMappings(path), 0u);
    EXPECT_EQ(CountDescriptors(), before);
  }
}

TEST_F(RingContextTest, CoroutineIsResumedOnItsStrand) {
  const auto mapping = Open(WriteCold(8 * kMib));
  const auto strand = asio::make_strand(context_);
  int resumed = 0;
  asio::co_spawn(
      strand,
      [&]() -> asio::awaitable<void> {
        for (uint64_t offset = 0; offset < 8 * kMib; offset += kMib) {
          static_cast<void>(co_await mapping->Await(offset, kMib));
          EXPECT_TRUE(strand.running_in_this_thread()) << offset;
          ++resumed;
        }
        static_cast<void>(co_await mapping->AwaitPinned(0, 4096));
        EXPECT_TRUE(strand.running_in_this_thread());
      },
      asio::detached);
  context_.run();
  EXPECT_EQ(resumed, 8);
}

TEST_F(RingContextTest, OpenedOnAStrandMayOutliveItsContext) {
  std::unique_ptr<Ring> ring;
  std::unique_ptr<AwaitedMapping> mapping;
  const std::string path = WriteCold(kMib);
  {
    asio::io_context context(1);
    ring = *Ring::Open(asio::make_strand(context));
    mapping = *AwaitedMapping::Open(path, *ring, {});
    bool ended = false;
    asio::co_spawn(context, mapping->Await(0, kMib),
                   [&](const std::exception_ptr& /*error*/,
                       const absl::StatusOr<Bytes>& bytes) {
                     EXPECT_THAT(bytes, IsOk());
                     ended = true;
                   });
    context.run();
    EXPECT_TRUE(ended);
  }
  mapping.reset();
  EXPECT_THAT(
      Run(ring->Read(std::make_shared<const File>(*File::OpenRegular(path)),
                     SharedBuffer(PageBuffer(10)), 0)),
      IsError(absl::StatusCode::kFailedPrecondition,
              HasSubstr("its execution context destroyed")));
}

TEST_F(RingContextTest, ChildThatLetsEverythingGoTakesNothingOfItsParents) {
  const SlowZeros mount(50ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  auto mapping = Open(mount.large(), {.random = true});
  auto context = std::make_unique<asio::io_context>(1);
  auto ring = *Ring::Open(context->get_executor());
  auto other = *AwaitedMapping::Open(mount.large(), *ring, {});
  int ended = 0;
  for (uint64_t i = 0; i < 4; ++i) {
    const auto count = [&](const std::exception_ptr& /*error*/,
                           const absl::StatusOr<Bytes>& bytes) {
      ended += bytes.ok() ? 1 : 0;
    };
    asio::co_spawn(context_, mapping->Await(i * 16384, 4096), count);
    asio::co_spawn(*context, other->Await(i * 16384, 16384), count);
  }
  for (int i = 0; i < 3; ++i) context_.poll();
  for (int i = 0; i < 3; ++i) context->poll();
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    // The one in this order, the other in that; one that knows that it is a
    // child's.
    context->notify_fork(asio::io_context::fork_child);
    ring.reset();
    other.reset();
    // Would be told of what the parent's ring signals now.
    context->restart();
    context->run_for(300ms);
    context.reset();
    mapping.reset();
    ring_.reset();
    _exit(ended == 0 ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  context_.run_for(10s);
  context->run_for(10s);
  EXPECT_EQ(ended, 8);
}

TEST_F(RingContextTest, WhoWaitsIsToldInTheChild) {
  const SlowZeros mount(500ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto mapping = Open(mount.large(), {.random = true});
  absl::Status status;
  asio::co_spawn(context_, mapping->Await(0, 4096),
                 [&](const std::exception_ptr& /*error*/,
                     const absl::StatusOr<Bytes>& bytes) {
                   status = bytes.status();
                   context_.stop();
                 });
  for (int i = 0; i < 3; ++i) context_.poll();
  context_.notify_fork(asio::io_context::fork_prepare);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    context_.notify_fork(asio::io_context::fork_child);
    context_.restart();
    context_.run_for(10s);
    const bool told = absl::IsFailedPrecondition(status);
    const bool refused =
        absl::IsFailedPrecondition(Run(mapping->Await(32768, 4096)).status());
    _exit(told && refused ? 0 : 1);
  }
  context_.notify_fork(asio::io_context::fork_parent);
  int exit_status = -1;
  EXPECT_EQ(waitpid(child, &exit_status, 0), child);
  EXPECT_EQ(exit_status, 0);
  context_.restart();
  context_.run_for(10s);
  EXPECT_THAT(status, IsOk());
}

TEST_F(RingContextTest, ForkWhileAnotherThreadIsInACallHangsNobody) {
  const std::string path = WriteCold(kMib);
  std::atomic<bool> done = false;
  std::jthread busy([&] {
    asio::io_context context(1);
    ring_ = *Ring::Open(context.get_executor());
    const auto file = std::make_shared<const File>(*File::OpenRegular(path));
    const SharedBuffer buffer(PageBuffer(4096));
    while (!done) {
      asio::co_spawn(context, ring_->Read(file, buffer, 0), asio::detached);
      context.restart();
      context.run();
    }
    ring_.reset();
  });
  std::this_thread::sleep_for(20ms);
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      ring_.reset();
      _exit(0);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0) << "child " << i;
  }
  done = true;
}

TEST_F(RingContextTest, SignalMayGoBeforeItsAwaitEnds) {
  const SlowZeros mount(20ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  auto mapping = Open(mount.large());
  const auto alive = std::make_shared<int>(0);
  auto signal = std::make_unique<asio::cancellation_signal>();
  asio::co_spawn(
      context_, mapping->Await(0, 4096),
      asio::bind_cancellation_slot(
          signal->slot(), [alive](const std::exception_ptr& /*error*/,
                                  const absl::StatusOr<Bytes>& /*bytes*/) {}));
  for (int i = 0; i < 3; ++i) context_.poll();
  // As what is declared last goes first: signal, mapping, ring, context.
  signal.reset();
  mapping.reset();
  ring_.reset();
  context_.restart();
  context_.run();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(RingContextTest, OpenedOnOneThreadRunsOnAnother) {
  const auto mapping = Open(WriteCold(kMib));
  absl::StatusOr<Bytes> bytes;
  asio::co_spawn(context_, mapping->Await(0, kMib),
                 [&](const std::exception_ptr& /*error*/,
                     const absl::StatusOr<Bytes>& awaited) {
                   bytes = awaited;
                   context_.stop();
                 });
  std::thread([&] { context_.run_for(10s); }).join();
  ASSERT_THAT(bytes, IsOk());
  EXPECT_EQ(*bytes, Bytes(Counting(kMib)));
}

// CPU time of this thread.
std::chrono::nanoseconds CpuTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

TEST_F(RingContextTest, UseByTwoThreadsIsRefusedInWordsAndDoesNotSpin) {
  const SlowZeros mount(300ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto mapping = Open(mount.large(), {.random = true});
  absl::Status status;
  bool ended = false;
  asio::co_spawn(context_, mapping->Await(0, 1),
                 [&](const std::exception_ptr& /*error*/,
                     const absl::StatusOr<Bytes>& bytes) {
                   status = bytes.status();
                   ended = true;
                   context_.stop();
                 });
  for (int i = 0; i < 3; ++i) context_.poll();
  std::chrono::nanoseconds cpu{};
  std::thread([&] {
    context_.restart();
    context_.run_for(5s);
    cpu = CpuTime();
  }).join();
  EXPECT_TRUE(ended);
  EXPECT_THAT(status, IsError(absl::StatusCode::kFailedPrecondition,
                              HasSubstr("belongs to the thread")));
  EXPECT_LT(cpu, 1s);
  EXPECT_THAT(Run(mapping->Await(32768, 1)),
              IsError(absl::StatusCode::kFailedPrecondition,
                      HasSubstr("belongs to the thread")));
}

TEST_F(RingContextTest, WhatIsLetGoOfABrokenRingDoesNotSpin) {
  const SlowZeros mount(300ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  auto mapping = Open(mount.large(), {.ahead = 2});
  for (const uint64_t offset : {0, 32768}) {  // the second reads ahead
    asio::co_spawn(context_, mapping->Await(offset, 32768), asio::detached);
  }
  for (int i = 0; i < 3; ++i) context_.poll();
  std::thread([&] {
    context_.restart();
    context_.run_for(100ms);
  }).join();
  mapping.reset();
  context_.restart();
  EXPECT_LT(context_.run_for(1s), 1000u);
}

TEST_F(RingContextTest, ForbiddenSubmissionIsAStatusAndDoesNotSpin) {
  const auto mapping = Open(WriteCold(kMib));
  absl::StatusOr<Bytes> bytes;
  asio::co_spawn(context_, mapping->Await(0, kMib),
                 [&](const std::exception_ptr& /*error*/,
                     const absl::StatusOr<Bytes>& awaited) {
                   bytes = awaited;
                   context_.stop();
                 });
  const bool filtered = RunForbidding(SYS_io_uring_enter, EPERM, [&] {
    context_.run_for(5s);
    EXPECT_LT(CpuTime(), 1s);
  });
  if (!filtered) GTEST_SKIP() << "no seccomp here";
  EXPECT_THAT(bytes,
              IsError(absl::StatusCode::kPermissionDenied,
                      HasSubstr("io_uring_enter: Operation not permitted")));
}

TEST_F(RingContextTest, KernelShortOfMemoryIsAskedAgainWithoutABusyLoop) {
  const auto mapping = Open(WriteCold(kMib));
  asio::co_spawn(context_, mapping->Await(0, kMib), asio::detached);
  const bool filtered = RunForbidding(SYS_io_uring_enter, EAGAIN, [&] {
    const auto begin = steady_clock::now();
    size_t handlers = 0;
    while (steady_clock::now() - begin < 300ms) {
      handlers += context_.run_one_for(10ms);
    }
    const auto passed = (steady_clock::now() - begin) / 1ms;
    EXPECT_LT(handlers, static_cast<size_t>(3 * passed));
  });
  if (!filtered) GTEST_SKIP() << "no seccomp here";
}

// Storage of which some pages are never served.
class HungStorageTest : public RingContextTest {
 protected:
  // What the await of it has by then, or nothing.
  asio::awaitable<std::optional<absl::StatusOr<Bytes>>> AwaitFor(
      AwaitedMapping& mapping, uint64_t offset, steady_clock::duration limit) {
    asio::steady_timer timer(co_await asio::this_coro::executor, limit);
    auto first = co_await (mapping.Await(offset, 4096) ||
                           timer.async_wait(asio::use_awaitable));
    if (first.index() == 0) co_return std::get<0>(std::move(first));
    co_return std::nullopt;
  }

  SlowZeros hung_{0ms,
                  {"--hang_at=large:0,large:8192,large:16384,large:24576,large:"
                   "32768,large:40960,large:49152,large:57344"}};
};

TEST_F(HungStorageTest, AwaitOrTimerReturnsWhenTheTimerDoes) {
  if (!hung_.ok()) GTEST_SKIP() << hung_.reason();
  for (const bool random : {false, true}) {
    const auto mapping = Open(hung_.large(), {.random = random});
    std::optional<std::optional<absl::StatusOr<Bytes>>> result;
    asio::co_spawn(context_, AwaitFor(*mapping, 0, 50ms),
                   [&](const std::exception_ptr& error, auto value) {
                     EXPECT_EQ(error, nullptr);
                     result = std::move(value);
                   });
    context_.restart();
    context_.run_for(10s);
    ASSERT_TRUE(result.has_value()) << "still waits; random: " << random;
    EXPECT_FALSE(result->has_value()) << "the timer was not first";
  }
}

TEST_F(HungStorageTest, OtherFilesAreServed) {
  if (!hung_.ok()) GTEST_SKIP() << hung_.reason();
  for (const bool random : {false, true}) {
    const auto hung = Open(hung_.large(), {.random = random});
    const auto other = Open(WriteCold(kMib), {.random = random});
    for (uint64_t page = 0; page < 16; page += 2) {
      asio::co_spawn(context_, hung->Await(page * 4096, 1),
                     [](const std::exception_ptr& /*error*/,
                        const absl::StatusOr<Bytes>& /*bytes*/) {});
    }
    context_.restart();
    context_.run_for(100ms);
    bool served = false;
    asio::co_spawn(context_, other->Await(0, kMib),
                   [&](const std::exception_ptr& /*error*/,
                       const absl::StatusOr<Bytes>& bytes) {
                     EXPECT_THAT(bytes, IsOk());
                     served = true;
                     context_.stop();
                   });
    context_.restart();
    context_.run_for(10s);
    EXPECT_TRUE(served) << "random: " << random;
  }
}

TEST_F(HungStorageTest, DestructorsDoNotWaitForIt) {
  if (!hung_.ok()) GTEST_SKIP() << hung_.reason();
  auto mapping = Open(hung_.large());
  asio::co_spawn(context_, mapping->Await(0, 4096),
                 [](const std::exception_ptr& /*error*/,
                    const absl::StatusOr<Bytes>& /*bytes*/) {
                   ADD_FAILURE() << "was resumed";
                 });
  context_.run_for(100ms);
  const auto begin = steady_clock::now();
  mapping.reset();
  ring_.reset();
  EXPECT_LT(steady_clock::now() - begin, 5s);
}

// A cancelled read that is interrupted is started again. The bytes of the file
// are no pointers, so that the heap is found broken if they land in it.
TEST_F(RingContextTest, CancelledAwaitsWriteToNobodysMemory) {
  const std::string path = directory_.path();
  directory_.Write("poison", std::vector<uint8_t>(65536, 0xc3));
  const SlowMount mount(
      path, {"--latency_ms=2", "--read_ahead_kib=0", "--interrupt_share=0.6"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  for (int i = 0; i < 200; ++i) {
    const auto mapping = Open(mount.path("poison"), {.random = true});
    ASSERT_THAT(Evict(*File::Open(mount.path("poison"), O_RDONLY)), IsOk());
    asio::cancellation_signal signal;
    asio::steady_timer timer(context_,
                             std::chrono::microseconds(i * 37 % 8000));
    timer.async_wait([&](const asio::error_code& /*error*/) {
      signal.emit(asio::cancellation_type::terminal);
    });
    bool ended = false;
    asio::co_spawn(
        context_, mapping->Await(uint64_t{4096} * (i % 16), 4096),
        asio::bind_cancellation_slot(
            signal.slot(),
            [&](const std::exception_ptr& /*error*/,
                const absl::StatusOr<Bytes>& /*bytes*/) { ended = true; }));
    context_.restart();
    context_.run();
    ASSERT_TRUE(ended);
    std::vector<std::vector<uint8_t>> blocks;
    for (size_t size = 256; size < 8192; size *= 2) blocks.emplace_back(size);
  }
}

}  // namespace
}  // namespace pagestall
