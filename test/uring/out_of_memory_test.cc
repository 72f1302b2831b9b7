// Memory runs out at each allocation in turn: what the kernel has given back is
// taken once, and what could not be made is gone. A program of its own, for it
// replaces the operator new of all that is in it.

#include <sys/syscall.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/page_buffer.h"
#include "lib/file/shared_buffer.h"
#include "lib/uring/io_mapping.h"
#include "lib/uring/io_ring.h"
#include "lib/uring/ring.h"
#include "test/forbidden_call.h"
#include "test/status_matchers.h"
#include "test/uring/with_ring.h"

namespace {

// Of this thread: how many allocations succeed before one fails; -1: all do.
thread_local int succeed = -1;

}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  if (succeed >= 0 && succeed-- == 0) throw std::bad_alloc();
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
// Inlined, they would be taken for a mismatch.
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t /*size*/) noexcept {
  std::free(memory);
}

namespace pagestall {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr int kMostAllocations = 60;

// Whether the `nth` allocation of `work` has failed it.
template <typename Work>
bool FailsAt(int nth, const Work& work) {
  succeed = nth;
  bool failed = false;
  try {
    work();
  } catch (const std::bad_alloc&) {
    failed = true;
  }
  failed = failed || succeed == -1;
  succeed = -1;
  return failed;
}

void TellAll(IoRing& ring) {
  ring.Submit();
  while (auto ended = ring.NextEnded()) ended->done(ended->result);
}

class OutOfMemory : public WithFiles {
 protected:
  void SetUp() override {
    if (!IoRing::Open().ok()) GTEST_SKIP() << "no io_uring here";
  }
};

TEST_F(OutOfMemory, OperationsEndOnce) {
  const auto file =
      OpenFile(directory_.Write("file", std::vector<uint8_t>(4096, 7)));
  int failures = 0;
  for (int nth = 0; nth < kMostAllocations; ++nth) {
    auto ring = *IoRing::Open();
    const SharedBuffer buffer(PageBuffer(4096));
    int told = 0;
    constexpr int kReads = 4;
    for (int i = 0; i < kReads; ++i) {
      ring->StartRead(file, buffer, 0, 0, [&](int result) {
        EXPECT_EQ(result, 4096);
        ++told;
      });
    }
    const IoRing::Ticket cancelled =
        ring->StartRead(file, buffer, 0, 0, nullptr);
    failures += FailsAt(nth, [&] {
      ring->Cancel(cancelled);
      for (int turn = 0; turn < 5; ++turn) TellAll(*ring);
    });
    for (int turn = 0; turn < 1000 && ring->waiting() > 0; ++turn) {
      TellAll(*ring);
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(told, kReads) << nth;
    EXPECT_TRUE(IoRing::Close(std::move(ring), 10s));
  }
  EXPECT_EQ(failures, 0) << "to take what has ended needs no memory";
}

TEST_F(OutOfMemory, RingIsRetiredWithoutMemory) {
  const auto pipe = OpenSilentPipe();
  const auto owned = std::make_shared<int>();
  for (int nth = 0; nth < 10; ++nth) {
    auto ring = *IoRing::Open();
    const SharedBuffer buffer(PageBuffer(4096));
    for (int i = 0; i < 3; ++i) {
      ring->StartRead(pipe, buffer, 0, 0, [owned](int) { ADD_FAILURE(); });
    }
    ring->Submit();
    EXPECT_FALSE(FailsAt(nth, [&] { ring.reset(); })) << nth;
    EXPECT_EQ(owned.use_count(), 1);
  }
  EXPECT_EQ(IoRing::CountRetired(), 0u);
  EXPECT_EQ(pipe.use_count(), 1);
}

TEST_F(OutOfMemory, RingThatBreaksAtItsEndIsRetiredWithoutMemory) {
  const auto pipe = OpenSilentPipe();
  bool filtered = false;
  std::thread([&] {
    std::vector<IoRing::Owner> rings;
    for (int nth = 0; nth < 10; ++nth) {
      rings.push_back(*IoRing::Open());
      rings.back()->StartRead(pipe, SharedBuffer(PageBuffer(4096)), 0, 0,
                              nullptr);
      rings.back()->Submit();
    }
    filtered = Filter(SYS_io_uring_enter, SECCOMP_RET_ERRNO | EPERM);
    for (int nth = 0; filtered && nth < 10; ++nth) {
      EXPECT_FALSE(FailsAt(nth, [&] { rings[nth].reset(); })) << nth;
    }
  }).join();
  if (!filtered) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(IoRing::CountRetired(), 0u) << "though its thread has ended";
  EXPECT_EQ(pipe.use_count(), 1);
}

TEST(OutOfMemoryOfAPin, PinnedRangeIsReleasedWithoutMemory) {
  const TemporaryDirectory directory;
  const auto mapping = IoMapping::Open(
      directory.Write("file", std::vector<uint8_t>(size_t{8} << 12, 7)), {});
  for (int nth = 0; nth < 10; ++nth) {
    // In the midst of another one.
    auto outer = mapping->Pin(0, size_t{8} << 12);
    auto inner = mapping->Pin(4096, 4096);
    if (!outer.ok()) GTEST_SKIP() << outer.status();
    ASSERT_THAT(inner, IsOk());
    EXPECT_FALSE(FailsAt(nth, [&] {
      { const IoMapping::Pinned released = *std::move(outer); }
      { const IoMapping::Pinned released = *std::move(inner); }
    }));
  }
}

TEST_F(OutOfMemory, RingThatCannotBeOpenedIsGone) {
  int failures = 0;
  for (int nth = 0; nth < kMostAllocations; ++nth) {
    asio::io_context context;
    failures += FailsAt(
        nth, [&] { static_cast<void>(Ring::Open(context.get_executor())); });
  }
  EXPECT_GT(failures, 5);
}

}  // namespace
}  // namespace pagestall
