#include "lib/executor/events.h"

#include <sys/syscall.h>

#include <cerrno>
#include <string>
#include <utility>

#include "test/forbidden_call.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

testing::Matcher<absl::Status> Forbids(const std::string& call) {
  return IsError(kPermissionDenied, testing::StartsWith(call));
}

TEST(CheckEvents, SaysWhatASandboxForbids) {
  EXPECT_THAT(CheckEvents(), IsOk());
  const std::pair<int, testing::Matcher<absl::Status>> calls[] = {
      {SYS_epoll_create1, Forbids("epoll_create1: ")},
      {SYS_epoll_ctl, Forbids("epoll_ctl: ")},
      {SYS_timerfd_settime, Forbids("timerfd_settime: ")},
      {SYS_timerfd_create, IsOk()}};  // Asio does without
  for (const auto& [call, matches] : calls) {
    RunForbidding(
        call, call == SYS_timerfd_create ? ENOSYS : EPERM,
        [&, matches = matches] { EXPECT_THAT(CheckEvents(), matches); });
  }
}

}  // namespace
}  // namespace pagestall
