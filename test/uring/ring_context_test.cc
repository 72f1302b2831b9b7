// The awaited mapping and its ring among Asio's own objects: contexts, strands,
// cancellation signals, threads.

#include <sys/syscall.h>

#include <algorithm>
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
#include "lib/file/reclaim_watch.h"
#include "lib/file/shared_buffer.h"
#include "lib/uring/awaited_mapping.h"
#include "lib/uring/ring.h"
#include "test/child.h"
#include "test/forbidden_call.h"
#include "test/probe/load.h"
#include "test/slow_mount.h"
#include "test/status_matchers.h"
#include "test/uring/with_ring.h"

namespace pagestall {
namespace {

// Not `using namespace`: || of this namespace is for awaitables alone.
using asio::experimental::awaitable_operators::operator||;
using std::chrono::steady_clock;
using testing::HasSubstr;

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
  const SlowZeros mount(20ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const std::string path = mount.page();
  ReclaimWatch::OfProcess();  // keeps a descriptor from its first use on
  const size_t before = CountDescriptors();
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(Evict(*OpenFile(path)), IsOk());
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
    const auto bytes = Spawn(context, mapping->Await(0, kMib));
    context.run();
    EXPECT_THAT(bytes->value(), IsOk());
  }
  mapping.reset();
  EXPECT_THAT(Run(ring->Read(OpenFile(path), SharedBuffer(PageBuffer(10)), 0)),
              IsError(kFailedPrecondition,
                      HasSubstr("its execution context destroyed")));
}

TEST_F(RingContextTest, ChildThatLetsEverythingGoTakesNothingOfItsParents) {
  const SlowZeros mount(50ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  auto mapping = Open(mount.large(), {.random = true});
  auto context = std::make_unique<asio::io_context>(1);
  auto ring = *Ring::Open(context->get_executor());
  auto other = *AwaitedMapping::Open(mount.large(), *ring, {});
  std::vector<Awaited> awaited;
  for (uint64_t i = 0; i < 4; ++i) {
    awaited.push_back(Start(mapping->Await(i * 16384, 4096)));
    awaited.push_back(Spawn(*context, other->Await(i * 16384, 16384)));
  }
  RunWhatIsReady();
  for (int i = 0; i < 3; ++i) context->poll();
  ExpectInAChild([&] {
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
    return std::none_of(
        awaited.begin(), awaited.end(),
        [](const Awaited& bytes) { return bytes->has_value(); });
  });
  context_.run_for(10s);
  context->run_for(10s);
  for (const Awaited& bytes : awaited) EXPECT_THAT(bytes->value(), IsOk());
}

TEST_F(RingContextTest, WhoWaitsIsToldInTheChild) {
  const SlowZeros mount(500ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto mapping = Open(mount.large(), {.random = true});
  const Awaited bytes = Start(mapping->Await(0, 4096));
  RunWhatIsReady();
  context_.notify_fork(asio::io_context::fork_prepare);
  ExpectInAChild([&] {
    context_.notify_fork(asio::io_context::fork_child);
    context_.restart();
    context_.run_for(10s);
    const auto later = Run(mapping->Await(32768, 4096));
    return absl::IsFailedPrecondition(bytes->value().status()) &&
           absl::IsFailedPrecondition(later.status());
  });
  context_.notify_fork(asio::io_context::fork_parent);
  context_.restart();
  context_.run_for(10s);
  EXPECT_THAT(bytes->value(), IsOk());
}

TEST_F(RingContextTest, ForkWhileAnotherThreadIsInACallHangsNobody) {
  const std::string path = WriteCold(kMib);
  std::atomic<bool> done = false;
  std::jthread busy([&] {
    asio::io_context context(1);
    ring_ = *Ring::Open(context.get_executor());
    const auto file = OpenFile(path);
    const SharedBuffer buffer(PageBuffer(4096));
    while (!done) {
      Spawn(context, ring_->Read(file, buffer, 0));
      context.restart();
      context.run();
    }
    ring_.reset();
  });
  std::this_thread::sleep_for(20ms);
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    ExpectInAChild([&] {
      ring_.reset();
      return true;
    });
  }
  done = true;
}

TEST_F(RingContextTest, SignalMayGoBeforeItsAwaitEnds) {
  const SlowZeros mount(20ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  auto mapping = Open(mount.large());
  auto signal = std::make_unique<asio::cancellation_signal>();
  const Awaited bytes = Start(mapping->Await(0, 4096), signal->slot());
  RunWhatIsReady();
  // As what is declared last goes first: signal, mapping, ring, context.
  signal.reset();
  mapping.reset();
  ring_.reset();
  context_.restart();
  context_.run();
  EXPECT_EQ(bytes.use_count(), 1);
}

TEST_F(RingContextTest, UseByTwoThreadsIsRefusedInWordsAndDoesNotSpin) {
  const SlowZeros mount(300ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  const auto mapping = Open(mount.large(), {.random = true});
  const Awaited bytes = Start(mapping->Await(0, 1));
  RunWhatIsReady();
  std::chrono::nanoseconds cpu{};
  std::thread([&] {
    context_.restart();
    context_.run_for(5s);
    cpu = ThreadCpuTime();
  }).join();
  EXPECT_LT(cpu, 1s);
  const auto later = Run(mapping->Await(32768, 1));
  for (const auto& refused : {bytes->value(), later}) {
    EXPECT_THAT(refused, IsError(kFailedPrecondition,
                                 HasSubstr("belongs to the thread")));
  }
}

TEST_F(RingContextTest, WhatIsLetGoOfABrokenRingDoesNotSpin) {
  const SlowZeros mount(300ms);
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  auto mapping = Open(mount.large(), {.ahead = 2});
  for (const uint64_t offset : {0, 32768}) {  // the second reads ahead
    Start(mapping->Await(offset, 32768));
  }
  RunWhatIsReady();
  std::thread([&] {
    context_.restart();
    context_.run_for(100ms);
  }).join();
  mapping.reset();
  context_.restart();
  EXPECT_LT(context_.run_for(1s), 1000u);
}

TEST_F(RingContextTest, KernelShortOfMemoryIsAskedAgainWithoutABusyLoop) {
  const auto mapping = Open(WriteCold(kMib));
  Start(mapping->Await(0, kMib));
  RunForbidding(SYS_io_uring_enter, EAGAIN, [&] {
    const auto begin = steady_clock::now();
    size_t handlers = 0;
    while (steady_clock::now() - begin < 300ms) {
      handlers += context_.run_one_for(10ms);
    }
    const auto passed = (steady_clock::now() - begin) / 1ms;
    EXPECT_LT(handlers, static_cast<size_t>(3 * passed));
  });
}

// Storage of which some pages are never served.
class HungStorageTest : public RingContextTest {
 protected:
  void SetUp() override {
    RingContextTest::SetUp();
    if (!hung_.ok()) GTEST_SKIP() << hung_.reason();
  }

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
  for (const bool random : {false, true}) {
    const auto mapping = Open(hung_.large(), {.random = random});
    const auto result = Start(AwaitFor(*mapping, 0, 50ms));
    context_.restart();
    context_.run_for(10s);
    ASSERT_TRUE(result->has_value()) << "still waits; random: " << random;
    EXPECT_FALSE((*result)->has_value()) << "the timer was not first";
  }
}

TEST_F(HungStorageTest, OtherFilesAreServed) {
  for (const bool random : {false, true}) {
    const auto hung = Open(hung_.large(), {.random = random});
    const auto other = Open(WriteCold(kMib), {.random = random});
    for (uint64_t page = 0; page < 16; page += 2) {
      Start(hung->Await(page * 4096, 1));
    }
    context_.restart();
    context_.run_for(100ms);
    const Awaited served = Start(other->Await(0, kMib));
    context_.restart();
    for (int i = 0; i < 1000 && !served->has_value(); ++i) {
      context_.run_for(10ms);
    }
    EXPECT_THAT(served->value(), IsOk()) << "random: " << random;
  }
}

TEST_F(HungStorageTest, DestructorsDoNotWaitForIt) {
  auto mapping = Open(hung_.large());
  const Awaited awaited = Start(mapping->Await(0, 4096));
  context_.run_for(100ms);
  const auto begin = steady_clock::now();
  mapping.reset();
  ring_.reset();
  EXPECT_LT(steady_clock::now() - begin, 5s);
  EXPECT_FALSE(awaited->has_value()) << "was resumed";
}

// A cancelled read that is interrupted is started again. The bytes of the file
// are no pointers, so that the heap is found broken if they land in it.
TEST_F(RingContextTest, CancelledAwaitsWriteToNobodysMemory) {
  directory_.Write("poison", std::vector<uint8_t>(65536, 0xc3));
  const SlowMount mount(
      directory_.path(),
      {"--latency_ms=2", "--read_ahead_kib=0", "--interrupt_share=0.6"});
  if (!mount.ok()) GTEST_SKIP() << mount.reason();
  for (int i = 0; i < 200; ++i) {
    const auto mapping = Open(mount.path("poison"), {.random = true});
    ASSERT_THAT(Evict(*OpenFile(mount.path("poison"))), IsOk());
    asio::cancellation_signal signal;
    asio::steady_timer timer(context_,
                             std::chrono::microseconds(i * 37 % 8000));
    timer.async_wait([&](const asio::error_code& /*error*/) {
      signal.emit(asio::cancellation_type::terminal);
    });
    const Awaited awaited =
        Start(mapping->Await(uint64_t{4096} * (i % 16), 4096), signal.slot());
    context_.restart();
    context_.run();
    ASSERT_TRUE(awaited->has_value());
    std::vector<std::vector<uint8_t>> blocks;
    for (size_t size = 256; size < 8192; size *= 2) blocks.emplace_back(size);
  }
}

}  // namespace
}  // namespace pagestall
