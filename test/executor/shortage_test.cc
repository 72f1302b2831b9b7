// What becomes of a scan where threads or memory are short.

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <fstream>
#include <new>

#include "absl/cleanup/cleanup.h"
#include "fixtures/window/window.h"
#include "lib/executor/executors.h"
#include "lib/executor/lookups.h"
#include "lib/source/named.h"
#include "test/availability.h"
#include "test/sanitized.h"
#include "test/status_matchers.h"

namespace pagestall {

static std::atomic<int> summed;

// These have linkage because coroutines over them have (-Wsubobject-linkage).
//
// Empty files, of which "greedy" wants memory that is not there.
class GreedySource final : public AsyncSource {
 public:
  explicit GreedySource(bool greedy) : greedy_(greedy) {}

  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& /*options*/,
      AsyncEnvironment& /*environment*/) {
    return std::make_unique<GreedySource>(path == "greedy");
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    co_await asio::post(asio::use_awaitable);
    if (greedy_) throw std::bad_alloc();
    ++summed;
    co_return AwaitedChunk();
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t /*offset*/, SharedBuffer /*buffer*/) override {
    return Next();
  }

 private:
  bool greedy_;
};

class QuietSource final : public BlockingSource {
 public:
  static absl::StatusOr<std::unique_ptr<BlockingSource>> Open(
      const std::string& /*path*/, const SourceOptions& /*options*/) {
    return std::make_unique<QuietSource>();
  }

  absl::StatusOr<Chunk> Next() override {
    ++summed;
    return Chunk();
  }
  absl::StatusOr<Chunk> At(uint64_t /*offset*/,
                           absl::Span<uint8_t> /*buffer*/) override {
    return Chunk();
  }
};

namespace {

using testing::StartsWith;

constexpr Source kGreedy = {.name = "greedy",
                            .openers = &kAsyncOpener<GreedySource::Open>};
constexpr Source kQuiet = {.name = "quiet",
                           .openers = &kOpeners<QuietSource::Open, nullptr>};

ScanSpec Spec(std::vector<std::string> paths,
              std::vector<ScanWatcher*> watchers = {}) {
  return {.paths = std::move(paths),
          .stride = 1,
          .source_options = {},
          .watchers = std::move(watchers)};
}

auto IsShortOfMemory() {
  return IsError(kResourceExhausted,
                 StartsWith("run the executor: Cannot allocate memory"));
}

class CountingWatcher final : public ScanWatcher {
 public:
  void Begins(const asio::any_io_executor& /*executor*/) override { ++begun; }
  void Ends() override { ++ended; }

  int begun = 0;
  int ended = 0;
};

class GreedyWatcher final : public ScanWatcher {
 public:
  void Begins(const asio::any_io_executor& /*executor*/) override {
    throw std::bad_alloc();
  }
  void Ends() override { ADD_FAILURE() << "it has not begun"; }
};

TEST(Shortage, OfOneCoroutineIsTheScansErrorAndTheOthersEnd) {
  CountingWatcher watcher;
  summed = 0;
  EXPECT_THAT(RunScan(Named("async", Executors()), kGreedy,
                      Spec({"a", "greedy", "b"}, {&watcher})),
              IsShortOfMemory());
  EXPECT_EQ(summed, 2);
  EXPECT_EQ(watcher.begun, 1);
  EXPECT_EQ(watcher.ended, 1);
}

TEST(Shortage, OfAWatcherIsTheScansErrorAndThoseThatBeganEnd) {
  CountingWatcher before;
  GreedyWatcher greedy;
  CountingWatcher after;
  ProbeWatcher probe;
  for (const char* again : {"a", "b"}) {
    EXPECT_THAT(RunScan(Named("async", Executors()), kGreedy,
                        Spec({again}, {&probe, &before, &greedy, &after})),
                IsShortOfMemory());
  }
  EXPECT_EQ(before.begun, 2);
  EXPECT_EQ(before.ended, 2);
  EXPECT_EQ(after.begun, 0);
}

TEST(Shortage, OfOneLookupIsTheLookupsError) {
  LookupSpec spec;
  spec.paths = {"greedy"};
  spec.lookups.resize(1);
  spec.coroutines = 2;
  spec.check = [](const Lookup&, Chunk) { return absl::OkStatus(); };
  auto lookups = Lookups::Prepare(kGreedy, std::move(spec));
  ASSERT_THAT(lookups, IsOk());
  EXPECT_THAT((*lookups)->Run(), IsShortOfMemory());
}

TEST(Shortage, OfBuffersIsAnErrorOfWhoPreparesThem) {
  LookupSpec spec;
  spec.record_bytes = size_t{1} << 60;
  spec.coroutines = 1;
  EXPECT_THAT(Lookups::Prepare(kGreedy, std::move(spec)),
              IsError(kResourceExhausted,
                      StartsWith("prepare the lookups: Cannot allocate")));
}

uint64_t AddressBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t pages = 0;
  file >> pages;
  return pages * getpagesize();
}

TEST(Shortage, OfThreadsLeavesThoseThatWereStartedAndIsAnError) {
  if (kSanitized) GTEST_SKIP() << "addresses are the sanitizer's";
  constexpr size_t kStack = size_t{1} << 30;
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_getattr_default_np(&attributes), 0);
  size_t stack;
  pthread_attr_getstacksize(&attributes, &stack);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const absl::Cleanup put_back = [&] {
    setrlimit(RLIMIT_AS, &before);
    pthread_attr_setstacksize(&attributes, stack);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  };
  pthread_attr_setstacksize(&attributes, kStack);
  ASSERT_EQ(pthread_setattr_default_np(&attributes), 0);
  auto scan =
      Named("threads", Executors()).prepare(kQuiet, Spec({"a", "b", "c", "d"}));
  ASSERT_THAT(scan, IsOk());
  rlimit for_two = before;
  for_two.rlim_cur = AddressBytes() + 5 * kStack / 2;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &for_two), 0);
  summed = 0;
  EXPECT_THAT((*scan)->Run(),
              IsError(kResourceExhausted,
                      StartsWith("start a thread: Resource temporarily ")));
  EXPECT_EQ(summed, 2);
  EXPECT_EQ((*scan)->ended_threads(), 2u);
}

}  // namespace
}  // namespace pagestall
