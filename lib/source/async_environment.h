#ifndef PAGESTALL_LIB_SOURCE_ASYNC_ENVIRONMENT_H_
#define PAGESTALL_LIB_SOURCE_ASYNC_ENVIRONMENT_H_

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "lib/source/blocking_pool.h"
#include "lib/uring/ring.h"

namespace pagestall {

// What the async sources of an executor share. Each part is made when the first
// source asks for it, so that a scan without it does not pay for it. Destroying
// it ends every operation that sources have in flight, so it goes before they
// do: it waits for the pool's, and for the kernel to give back the ring's, so
// that files are closed and unmapped when the sources go, but not for long if
// storage hangs.
class AsyncEnvironment {
 public:
  // `max_operations` is how many operations the sources together have in flight
  // at most.
  AsyncEnvironment(asio::any_io_executor executor, size_t max_operations)
      : executor_(std::move(executor)), max_operations_(max_operations) {}

  ~AsyncEnvironment() {
    if (ring_ != nullptr) ring_->Close(std::chrono::seconds(10));
  }
  AsyncEnvironment(const AsyncEnvironment&) = delete;
  AsyncEnvironment& operator=(const AsyncEnvironment&) = delete;

  // One thread for every operation, so that all can run at once, as in Tokio's
  // blocking pool (up to 512 threads).
  BlockingPool& pool() {
    if (!pool_) pool_.emplace(max_operations_);
    return *pool_;
  }

  // Ring::Open()'s errors.
  absl::StatusOr<Ring*> ring() {
    if (ring_ == nullptr) {
      absl::StatusOr<std::unique_ptr<Ring>> ring = Ring::Open(executor_);
      if (!ring.ok()) return ring.status();
      ring_ = *std::move(ring);
    }
    return ring_.get();
  }

 private:
  asio::any_io_executor executor_;
  size_t max_operations_;
  std::optional<BlockingPool> pool_;
  std::unique_ptr<Ring> ring_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_ASYNC_ENVIRONMENT_H_
