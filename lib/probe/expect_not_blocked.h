#ifndef PAGESTALL_LIB_PROBE_EXPECT_NOT_BLOCKED_H_
#define PAGESTALL_LIB_PROBE_EXPECT_NOT_BLOCKED_H_

#include <chrono>
#include <string>

#include "absl/functional/function_ref.h"

// A GoogleTest expectation; include <gtest/gtest.h> as well.
//
// Runs a statement and fails if it blocked the calling thread (BlockedClock)
// for more than `limit`, a std::chrono duration, or if that cannot be told
// here:
//
//   EXPECT_NOT_BLOCKED(std::chrono::milliseconds(5), context.run());
//
// The statement runs in a lambda: it may not return from the test.
#define EXPECT_NOT_BLOCKED(limit, ...)                                  \
  if (const std::string pagestall_blocked =                             \
          ::pagestall::BlockedForMoreThan(limit, [&] { __VA_ARGS__; }); \
      pagestall_blocked.empty()) {                                      \
  } else /* NOLINT */                                                   \
    ADD_FAILURE() << #__VA_ARGS__ "\n" << pagestall_blocked

namespace pagestall {

// Runs `body`. Returns what was too much, in words; empty if it did not block
// this thread for more than `limit`.
std::string BlockedForMoreThan(std::chrono::nanoseconds limit,
                               absl::FunctionRef<void()> body);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_EXPECT_NOT_BLOCKED_H_
