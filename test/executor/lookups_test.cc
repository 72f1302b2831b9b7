// Lookups by every source, and what the loop around them promises.

#include "lib/executor/lookups.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/executor/executors.h"
#include "lib/source/blocking_pool.h"
#include "lib/source/sources.h"
#include "test/availability.h"
#include "test/print_source.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {

static constexpr size_t kRecord = 4096;

// These have linkage because coroutines over them have (-Wsubobject-linkage).
//
// Whose bytes are to be touched on the pool, or on the executor.
class ToldSource final : public AsyncSource {
 public:
  explicit ToldSource(BlockingPool* touch_on) : touch_on_(touch_on) {}

  template <bool kOnPool>
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& /*path*/, const SourceOptions& /*options*/,
      AsyncEnvironment& environment) {
    return std::make_unique<ToldSource>(kOnPool ? &environment.pool()
                                                : nullptr);
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    co_return AwaitedChunk();
  }
  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t /*offset*/, SharedBuffer buffer) override {
    co_return AwaitedChunk{.bytes = buffer.bytes(), .touch_on = touch_on_};
  }

 private:
  BlockingPool* touch_on_;
};

// Of the lookups under way.
static int under_way;
static int most_under_way;

// Takes a millisecond during which others can be under way.
class SlowSource final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& /*path*/, const SourceOptions& /*options*/,
      AsyncEnvironment& /*environment*/) {
    return std::make_unique<SlowSource>();
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    co_return AwaitedChunk();
  }
  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t /*offset*/, SharedBuffer buffer) override {
    most_under_way = std::max(most_under_way, ++under_way);
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    --under_way;
    co_return AwaitedChunk{.bytes = buffer.bytes()};
  }
};

// Sleeps on the executor's thread, as a page fault does.
class SleepingSource final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& /*path*/, const SourceOptions& /*options*/,
      AsyncEnvironment& /*environment*/) {
    return std::make_unique<SleepingSource>();
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    co_return AwaitedChunk();
  }
  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t /*offset*/, SharedBuffer buffer) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    co_return AwaitedChunk{.bytes = buffer.bytes()};
  }
};

namespace {

using std::chrono::nanoseconds;
using testing::HasSubstr;

absl::Status Accept(const Lookup& /*lookup*/, Chunk /*bytes*/) {
  return absl::OkStatus();
}

// `count` lookups of a file's first record.
LookupSpec Repeated(size_t count, size_t coroutines) {
  LookupSpec spec;
  spec.paths = {"file"};
  spec.lookups.resize(count);
  spec.coroutines = coroutines;
  spec.check = Accept;
  return spec;
}

class LookupsBy : public testing::TestWithParam<Source> {
 protected:
  void SetUp() override {
    for (const Executor& executor : Executors()) {
      if (executor.supports(GetParam()) && executor.async) {
        SKIP_UNLESS_AVAILABLE(executor, GetParam());
      }
    }
  }

  // Sizes around a record; empty, whole and broken ones.
  void WriteFiles() {
    std::mt19937 random;
    for (const size_t size :
         {0, 1, 4095, 4096, 4097, 3 * 4096, 65536, 99991, 1 << 20}) {
      std::vector<uint8_t> bytes(size);
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
      paths_.push_back(directory_.Write(std::to_string(size), bytes));
      contents_.push_back(std::move(bytes));
    }
  }

  Chunk Expected(const Lookup& lookup) const {
    const Chunk content = contents_[lookup.file];
    return content.subspan(
        std::min<size_t>(content.size(), lookup.record * kRecord), kRecord);
  }

  // Every record of every file and one behind its end, each four times, in a
  // random order.
  std::vector<Lookup> EveryRecord() const {
    std::vector<Lookup> lookups;
    for (size_t file = 0; file < contents_.size(); ++file) {
      const size_t records = (contents_[file].size() + kRecord - 1) / kRecord;
      for (size_t record = 0; record <= records; ++record) {
        lookups.insert(lookups.end(), 4, {.file = file, .record = record});
      }
    }
    std::shuffle(lookups.begin(), lookups.end(), std::mt19937());
    return lookups;
  }

  LookupSpec Spec() const {
    LookupSpec spec;
    spec.paths = paths_;
    spec.record_bytes = kRecord;
    spec.lookups = EveryRecord();
    spec.coroutines = 16;
    spec.source_options = {.ahead = 0, .random = true};
    spec.check = Accept;
    return spec;
  }

  TemporaryDirectory directory_;
  std::vector<std::string> paths_;
  std::vector<std::vector<uint8_t>> contents_;
};

TEST_P(LookupsBy, FindEveryRecordAndTheEndOfTheFile) {
  WriteFiles();
  LookupSpec spec = Spec();
  std::atomic<size_t> checked = 0;
  spec.check = [&](const Lookup& lookup, Chunk bytes) {
    ++checked;
    return bytes == Expected(lookup)
               ? absl::OkStatus()
               : absl::DataLossError(
                     absl::StrCat(paths_[lookup.file], ", record ",
                                  lookup.record, ": ", bytes.size(), " bytes"));
  };
  const size_t count = spec.lookups.size();
  auto lookups = Lookups::Prepare(GetParam(), std::move(spec));
  ASSERT_THAT(lookups, IsOk());
  const auto latencies = (*lookups)->Run();
  ASSERT_THAT(latencies, IsOk());
  EXPECT_EQ(latencies->size(), count);
  EXPECT_EQ(checked, count);
}

TEST_P(LookupsBy, ReadErrorIsReturnedAndNamesTheFile) {
  LookupSpec spec = Spec();
  spec.paths = {directory_.path()};  // a directory opens, but has no bytes
  spec.lookups.assign(100, {.file = 0, .record = 0});
  auto lookups = Lookups::Prepare(GetParam(), std::move(spec));
  const absl::Status status =
      lookups.ok() ? (*lookups)->Run().status() : lookups.status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("'", directory_.path(), "': ")));
}

TEST_P(LookupsBy, ThoseThatNeverRunAreJustClosed) {
  WriteFiles();
  EXPECT_THAT(Lookups::Prepare(GetParam(), Spec()), IsOk());
}

std::vector<Source> AsyncSources() {
  std::vector<Source> sources;
  for (const Source& source : Sources()) {
    if (source.opens_async()) sources.push_back(source);
  }
  return sources;
}

INSTANTIATE_TEST_SUITE_P(Every, LookupsBy, testing::ValuesIn(AsyncSources()),
                         [](const auto& test) {
                           return std::string(test.param.name);
                         });

TEST(Lookups, TouchBytesWhereTheSourceSays) {
  for (const bool on_pool : {false, true}) {
    const Source source{
        .name = "told",
        .openers = on_pool ? &kAsyncOpener<ToldSource::Open<true>>
                           : &kAsyncOpener<ToldSource::Open<false>>};
    LookupSpec spec = Repeated(100, 4);
    std::atomic<int> on_caller = 0;
    const auto caller = std::this_thread::get_id();
    spec.check = [&](const Lookup& /*lookup*/, Chunk /*bytes*/) {
      if (std::this_thread::get_id() == caller) ++on_caller;
      return absl::OkStatus();
    };
    auto lookups = Lookups::Prepare(source, std::move(spec));
    ASSERT_THAT(lookups, IsOk());
    EXPECT_THAT((*lookups)->Run(), IsOk());
    EXPECT_EQ(on_caller, on_pool ? 0 : 100);
  }
}

TEST(Lookups, EachCoroutineHasItsOwnAlignedBuffer) {
  const Source source{.name = "told",
                      .openers = &kAsyncOpener<ToldSource::Open<false>>};
  LookupSpec spec = Repeated(100, 4);
  std::vector<const uint8_t*> buffers;
  spec.check = [&](const Lookup& /*lookup*/, Chunk bytes) {
    EXPECT_EQ(bytes.size(), kRecord);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 4096, 0u);
    buffers.push_back(bytes.data());
    return absl::OkStatus();
  };
  auto lookups = Lookups::Prepare(source, std::move(spec));
  ASSERT_THAT(lookups, IsOk());
  EXPECT_THAT((*lookups)->Run(), IsOk());
  std::sort(buffers.begin(), buffers.end());
  buffers.erase(std::unique(buffers.begin(), buffers.end()), buffers.end());
  EXPECT_EQ(buffers.size(), 4u)
      << "an always ready source must not keep the others from their turn";
}

TEST(Lookups, AsManyAreUnderWayAtOnceAsThereAreCoroutines) {
  const Source source{.name = "slow",
                      .openers = &kAsyncOpener<SlowSource::Open>};
  under_way = most_under_way = 0;
  auto lookups = Lookups::Prepare(source, Repeated(100, 7));
  ASSERT_THAT(lookups, IsOk());
  EXPECT_THAT((*lookups)->Run(), IsOk());
  EXPECT_EQ(most_under_way, 7);
}

// A lookup that has to wait until others have slept on the executor is late,
// like a request of a service.
TEST(Lookups, LatencyIncludesTheWaitForTheExecutor) {
  const Source source{.name = "sleeping",
                      .openers = &kAsyncOpener<SleepingSource::Open>};
  auto lookups = Lookups::Prepare(source, Repeated(50, 5));
  ASSERT_THAT(lookups, IsOk());
  const auto begin = std::chrono::steady_clock::now();
  const auto latencies = (*lookups)->Run();
  const nanoseconds window = std::chrono::steady_clock::now() - begin;
  ASSERT_THAT(latencies, IsOk());
  const nanoseconds sum =
      std::accumulate(latencies->begin(), latencies->end(), nanoseconds(0));
  EXPECT_LE(sum, 5 * window);
  EXPECT_GE(sum, 4 * window);
}

TEST(Lookups, FirstErrorEndsThem) {
  const Source source{.name = "told",
                      .openers = &kAsyncOpener<ToldSource::Open<false>>};
  LookupSpec spec = Repeated(1000, 4);
  int checked = 0;
  spec.check = [&](const Lookup& /*lookup*/, Chunk /*bytes*/) {
    return ++checked < 10 ? absl::OkStatus()
                          : absl::DataLossError(std::to_string(checked));
  };
  auto lookups = Lookups::Prepare(source, std::move(spec));
  ASSERT_THAT(lookups, IsOk());
  EXPECT_THAT((*lookups)->Run(),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("10")));
  EXPECT_EQ(checked, 10);
}

TEST(Lookups, WatchersHearTheBeginAndTheEndOnce) {
  struct Watcher final : ScanWatcher {
    void Begins(const asio::any_io_executor& /*executor*/) override {
      EXPECT_EQ(checked, 0);
      ++begins;
    }
    void Ends() override {
      EXPECT_EQ(checked, 20);
      ++ends;
    }
    int checked = 0;
    int begins = 0;
    int ends = 0;
  } watcher;
  const Source source{.name = "told",
                      .openers = &kAsyncOpener<ToldSource::Open<false>>};
  LookupSpec spec = Repeated(20, 3);
  spec.check = [&](const Lookup& /*lookup*/, Chunk /*bytes*/) {
    ++watcher.checked;
    return absl::OkStatus();
  };
  spec.watchers = {&watcher};
  auto lookups = Lookups::Prepare(source, std::move(spec));
  ASSERT_THAT(lookups, IsOk());
  EXPECT_THAT((*lookups)->Run(), IsOk());
  EXPECT_EQ(watcher.begins, 1);
  EXPECT_EQ(watcher.ends, 1);
}

TEST(Lookups, NoneIsNoLatency) {
  const Source source{.name = "told",
                      .openers = &kAsyncOpener<ToldSource::Open<false>>};
  auto lookups = Lookups::Prepare(source, Repeated(0, 3));
  ASSERT_THAT(lookups, IsOk());
  const auto latencies = (*lookups)->Run();
  ASSERT_THAT(latencies, IsOk());
  EXPECT_TRUE(latencies->empty());
}

}  // namespace
}  // namespace pagestall
