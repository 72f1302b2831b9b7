// How many files each executor has under way at once, and on which thread it
// runs the sources: what tells one executor from another.

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <thread>

#include "lib/executor/executors.h"
#include "lib/source/offloaded.h"
#include "test/status_matchers.h"

namespace pagestall {

static constexpr int kFiles = 4;

// Of the scan under way.
static std::atomic<int> started;
static std::atomic<bool> all_at_once;
static std::atomic<bool> left_the_caller;
static std::thread::id caller;

static void Note() {
  if (std::this_thread::get_id() != caller) left_the_caller = true;
}

// These have linkage because coroutines over them have (-Wsubobject-linkage).
//
// Waits a while in its only Next() for the other files to get there too.
class MeetingBlocking final : public BlockingSource {
 public:
  static absl::StatusOr<std::unique_ptr<BlockingSource>> Open(
      const std::string& /*path*/, const SourceOptions& /*options*/) {
    return std::make_unique<MeetingBlocking>();
  }

  absl::StatusOr<Chunk> Next() override {
    Note();
    ++started;
    for (int wait = 0; wait < 100 && started < kFiles; ++wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    all_at_once = all_at_once || started == kFiles;
    --started;
    return Chunk();
  }

  absl::StatusOr<Chunk> At(uint64_t /*offset*/,
                           absl::Span<uint8_t> /*buffer*/) override {
    return Chunk();
  }
};

class MeetingAsync final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& /*path*/, const SourceOptions& /*options*/,
      AsyncEnvironment& /*environment*/) {
    return std::make_unique<MeetingAsync>();
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t /*offset*/, SharedBuffer /*buffer*/) override {
    co_return AwaitedChunk();
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    Note();
    ++started;
    for (int wait = 0; wait < 100 && started < kFiles; ++wait) {
      co_await asio::post(co_await asio::this_coro::executor,
                          asio::use_awaitable);
    }
    all_at_once = all_at_once || started == kFiles;
    --started;
    co_return AwaitedChunk();
  }
};

namespace {

void RunScan(const std::string& executor, const Source& source) {
  started = 0;
  all_at_once = false;
  left_the_caller = false;
  caller = std::this_thread::get_id();
  for (const Executor& candidate : Executors()) {
    if (candidate.name != executor) continue;
    const auto scan =
        candidate.prepare(source, {.paths = std::vector<std::string>(kFiles),
                                   .stride = 1,
                                   .source_options = {},
                                   .yield_bytes = 0,
                                   .watchers = {}});
    ASSERT_THAT(scan, IsOk());
    EXPECT_THAT((*scan)->Run(), IsOk());
    return;
  }
  FAIL() << "no executor " << executor;
}

constexpr Source kMeeting = {
    .name = "meeting",
    .openers = &kOpeners<MeetingBlocking::Open, MeetingAsync::Open>};

TEST(Executors, SeqRunsOneFileAfterAnotherOnTheCaller) {
  RunScan("seq", kMeeting);
  EXPECT_FALSE(all_at_once);
  EXPECT_FALSE(left_the_caller);
}

TEST(Executors, ThreadsRunAllFilesAtOnce) {
  RunScan("threads", kMeeting);
  EXPECT_TRUE(all_at_once);
  EXPECT_TRUE(left_the_caller);
}

TEST(Executors, AsyncRunsAllFilesAtOnceOnTheCaller) {
  RunScan("async", kMeeting);
  EXPECT_TRUE(all_at_once);
  EXPECT_FALSE(left_the_caller);
}

TEST(Executors, AsyncSeqRunsOneFileAfterAnotherOnTheCaller) {
  RunScan("async_seq", kMeeting);
  EXPECT_FALSE(all_at_once);
  EXPECT_FALSE(left_the_caller);
}

TEST(Offloaded, RunsTheSourceOnOtherThreadsAllAtOnce) {
  constexpr Source kOffloaded = {
      .name = "offloaded",
      .openers = &kAsyncOpener<Offloaded<MeetingBlocking>::Open>};
  RunScan("async", kOffloaded);
  EXPECT_TRUE(all_at_once);
  EXPECT_TRUE(left_the_caller);
}

}  // namespace
}  // namespace pagestall
