// How many files each executor has under way at once, and on which thread it
// runs the sources: what tells one executor from another.

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <thread>

#include "lib/executor/executors.h"
#include "lib/source/named.h"
#include "lib/source/offloaded.h"
#include "test/availability.h"
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

void Expect(const std::string& executor, const Source& source, bool together,
            bool elsewhere) {
  SCOPED_TRACE(executor);
  started = 0;
  all_at_once = false;
  left_the_caller = false;
  caller = std::this_thread::get_id();
  EXPECT_THAT(RunScan(Named(executor, Executors()), source,
                      {.paths = std::vector<std::string>(kFiles),
                       .stride = 1,
                       .source_options = {},
                       .yield_bytes = 0,
                       .watchers = {}}),
              IsOk());
  EXPECT_EQ(all_at_once, together);
  EXPECT_EQ(left_the_caller, elsewhere);
}

TEST(Executors, DifferInHowManyFilesAreUnderWayAndOnWhichThread) {
  constexpr Source kMeeting = {
      .name = "meeting",
      .openers = &kOpeners<MeetingBlocking::Open, MeetingAsync::Open>};
  Expect("seq", kMeeting, /*together=*/false, /*elsewhere=*/false);
  Expect("threads", kMeeting, /*together=*/true, /*elsewhere=*/true);
  Expect("async", kMeeting, /*together=*/true, /*elsewhere=*/false);
  Expect("async_seq", kMeeting, /*together=*/false, /*elsewhere=*/false);
}

TEST(Offloaded, RunsTheSourceOnOtherThreadsAllAtOnce) {
  constexpr Source kOffloaded = {
      .name = "offloaded",
      .openers = &kAsyncOpener<Offloaded<MeetingBlocking>::Open>};
  Expect("async", kOffloaded, /*together=*/true, /*elsewhere=*/true);
}

}  // namespace
}  // namespace pagestall
