#ifndef PAGESTALL_TEST_URING_WITH_RING_H_
#define PAGESTALL_TEST_URING_WITH_RING_H_

#include <fcntl.h>
#include <gtest/gtest.h>

#include <asio/awaitable.hpp>
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

// An executor with a ring; skipped where there is none.
class WithRing : public testing::Test {
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

  // Runs the context until it has no work; returns what the coroutine has.
  template <typename Result>
  Result Run(asio::awaitable<Result> coroutine) {
    std::optional<Result> result;
    asio::co_spawn(context_, std::move(coroutine),
                   [&](const std::exception_ptr& error, Result value) {
                     if (error) std::rethrow_exception(error);
                     result = std::move(value);
                   });
    context_.restart();
    context_.run();
    return *std::move(result);
  }

  TemporaryDirectory directory_;
  asio::io_context context_{1};
  std::unique_ptr<Ring> ring_;
};

// The same, for tests of mappings.
class WithMapping : public WithRing {
 protected:
  std::string WriteCold(size_t size) {
    std::string path = directory_.Write("file", Counting(size));
    const auto file = File::Open(path, O_RDONLY);
    EXPECT_THAT(file, IsOk());
    EXPECT_THAT(Evict(*file), IsOk());
    return path;
  }

  std::unique_ptr<AwaitedMapping> Open(
      const std::string& path, const AwaitedMapping::Options& options = {}) {
    auto mapping = AwaitedMapping::Open(path, *ring_, options);
    EXPECT_THAT(mapping, IsOk());
    return *std::move(mapping);
  }
};

}  // namespace pagestall

#endif  // PAGESTALL_TEST_URING_WITH_RING_H_
