#ifndef PAGESTALL_LIB_SOURCE_ASYNC_ENVIRONMENT_H_
#define PAGESTALL_LIB_SOURCE_ASYNC_ENVIRONMENT_H_

#include <cstddef>
#include <optional>

#include "lib/source/blocking_pool.h"

namespace pagestall {

// What async sources share beside the executor. Each part is made when the
// first source asks for it, so that a scan without it does not pay for it.
class AsyncEnvironment {
 public:
  // `max_operations` is how many operations the sources together have in flight
  // at most.
  explicit AsyncEnvironment(size_t max_operations)
      : max_operations_(max_operations) {}

  // One thread for every operation, so that all can run at once, as in Tokio's
  // blocking pool (up to 512 threads).
  BlockingPool& pool() {
    if (!pool_) pool_.emplace(max_operations_);
    return *pool_;
  }

 private:
  size_t max_operations_;
  std::optional<BlockingPool> pool_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_ASYNC_ENVIRONMENT_H_
