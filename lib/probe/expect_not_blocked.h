#ifndef PAGESTALL_LIB_PROBE_EXPECT_NOT_BLOCKED_H_
#define PAGESTALL_LIB_PROBE_EXPECT_NOT_BLOCKED_H_

#include <chrono>
#include <string>

#include "absl/functional/function_ref.h"

// A GoogleTest expectation; include <gtest/gtest.h> as well.
//
// Runs a statement and fails if it blocked the calling thread (BlockedClock)
// for more than `limit` in all, a std::chrono duration, or if that cannot be
// told here:
//
//   EXPECT_NOT_BLOCKED(std::chrono::milliseconds(5), context.run());
//
// A failure is certain: the thread slept that long outside what it takes for
// its loop's wait for events, which is a guess where loops are nested
// (BlockedClock). A pass is not: of each sleep between two waits up to 0.4 ms
// may stay unknown. That hides no long one, but in a loop that turns every 200
// to 440 us and sleeps in each turn, only 65 to 75 % of the time is known.
// Where it may have been too much, the expectation passes and warns on stderr.
//
// The statement should run one event loop, and start it: others within it, or
// after it, count as blocked (BlockedClock). It runs in a lambda: it may not
// return from the test. What other threads do does not count. An io_context
// that never had a timer or a socket idles on a condition variable, and so do
// all but one of the threads that run one together: there, idling counts as
// blocked.
#define EXPECT_NOT_BLOCKED(limit, ...)                                       \
  if (const std::string pagestall_blocked = ::pagestall::BlockedForMoreThan( \
          limit, [&] { __VA_ARGS__; }, __FILE__, __LINE__);                  \
      pagestall_blocked.empty()) {                                           \
  } else /* NOLINT */                                                        \
    ADD_FAILURE() << #__VA_ARGS__ "\n" << pagestall_blocked

namespace pagestall {

// Runs `body`. Returns what was too much, in words; empty if it is not known to
// have blocked this thread for more than `limit`. Where it may have, warns on
// stderr, of what stands at `line` of `file`, if that is given. Any thread;
// blocks for as long as `body` does, and lets through what it throws.
std::string BlockedForMoreThan(std::chrono::nanoseconds limit,
                               absl::FunctionRef<void()> body,
                               const char* file = nullptr, int line = 0);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_EXPECT_NOT_BLOCKED_H_
