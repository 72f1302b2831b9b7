#ifndef PAGESTALL_TEST_URING_WITH_RING_H_
#define PAGESTALL_TEST_URING_WITH_RING_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <exception>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/page_cache.h"
#include "lib/uring/awaited_mapping.h"
#include "lib/uring/ring.h"
#include "test/availability.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {

inline constexpr size_t kMib = size_t{1} << 20;

// Files for a ring to read.
class WithFiles : public testing::Test {
 protected:
  static std::shared_ptr<const File> OpenFile(const std::string& path,
                                              int flags = O_RDONLY) {
    return std::make_shared<const File>(File::Open(path, flags).value());
  }

  // A read of it ends when it is cancelled, unless somebody writes to it.
  std::shared_ptr<const File> OpenSilentPipe() {
    const std::string path = directory_.path("pipe");
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return OpenFile(path, O_RDWR);
  }

  TemporaryDirectory directory_;
};

// Starts the coroutine. Returns what it has, once it has ended.
template <typename Result>
std::shared_ptr<std::optional<Result>> Spawn(
    asio::io_context& context, asio::awaitable<Result> coroutine,
    const asio::cancellation_slot& slot = {}) {
  auto result = std::make_shared<std::optional<Result>>();
  asio::co_spawn(
      context, std::move(coroutine),
      asio::bind_cancellation_slot(
          slot, [result](const std::exception_ptr& error, Result value) {
            if (error) std::rethrow_exception(error);
            *result = std::move(value);
          }));
  return result;
}

// An executor with a ring; skipped where there is none.
class WithRing : public WithFiles {
 protected:
  void SetUp() override {
    auto ring = Ring::Open(context_.get_executor());
    if (IsNotAvailable(ring.status())) {
      GTEST_SKIP() << ring.status();
    }
    ASSERT_THAT(ring, IsOk());
    ring_ = *std::move(ring);
  }

  static std::vector<uint8_t> Counting(size_t size) {
    std::vector<uint8_t> bytes(size);
    std::iota(bytes.begin(), bytes.end(), uint8_t{0});
    return bytes;
  }

  template <typename Result>
  auto Start(asio::awaitable<Result> coroutine,
             const asio::cancellation_slot& slot = {}) {
    return Spawn(context_, std::move(coroutine), slot);
  }

  // Runs the context until it has no work; returns what the coroutine has.
  template <typename Result>
  Result Run(asio::awaitable<Result> coroutine) {
    const auto result = Start(std::move(coroutine));
    context_.restart();
    context_.run();
    return std::move(*result).value();
  }

  // Runs what is ready, until something waits for the kernel.
  void RunWhatIsReady() {
    for (int i = 0; i < 10; ++i) context_.poll();
  }

  asio::io_context context_{1};
  std::unique_ptr<Ring> ring_;
};

// The same, for tests of mappings.
class WithMapping : public WithRing {
 protected:
  using Bytes = absl::Span<const uint8_t>;
  using Awaited = std::shared_ptr<std::optional<absl::StatusOr<Bytes>>>;

  std::string WriteCold(size_t size) {
    std::string path = directory_.Write("file", Counting(size));
    EXPECT_THAT(Evict(*OpenFile(path)), IsOk());
    return path;
  }

  std::unique_ptr<AwaitedMapping> Open(
      const std::string& path, const AwaitedMapping::Options& options = {}) {
    return AwaitedMapping::Open(path, *ring_, options).value();
  }
};

}  // namespace pagestall

#endif  // PAGESTALL_TEST_URING_WITH_RING_H_
