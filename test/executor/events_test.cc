#include "lib/executor/events.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "test/forbidden_call.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

TEST(CheckEvents, SaysWhatASandboxForbids) {
  EXPECT_THAT(CheckEvents(), IsOk());
  const struct {
    int call;
    const char* name;
  } calls[] = {{SYS_epoll_create1, "epoll_create1: "},
               {SYS_epoll_ctl, "epoll_ctl: "},
               {SYS_timerfd_settime, "timerfd_settime: "}};
  for (const auto& [call, name] : calls) {
    absl::Status status;
    if (!RunForbidding(call, EPERM, [&] { status = CheckEvents(); })) {
      GTEST_SKIP() << "no seccomp here";
    }
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_TRUE(absl::StartsWith(status.message(), name)) << status;
  }
}

// Asio does without.
TEST(CheckEvents, TimersNeedNoDescriptor) {
  absl::Status status = absl::UnknownError("");
  if (!RunForbidding(SYS_timerfd_create, ENOSYS,
                     [&] { status = CheckEvents(); })) {
    GTEST_SKIP() << "no seccomp here";
  }
  EXPECT_THAT(status, IsOk());
}

}  // namespace
}  // namespace pagestall
