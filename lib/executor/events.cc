#include "lib/executor/events.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "absl/cleanup/cleanup.h"
#include "lib/file/errno_status.h"

namespace pagestall {
namespace {

absl::Status Failed(const char* call) {
  const bool refused = errno == EPERM || errno == ENOSYS;
  return ErrnoStatus(errno, call, "",
                     refused ? "a sandbox forbids to wait for events" : "");
}

}  // namespace

absl::Status CheckEvents() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return Failed("epoll_create1");
  const absl::Cleanup close_epoll = [epoll] { close(epoll); };
  // Without one Asio counts the time itself.
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  const absl::Cleanup close_timer = [timer] {
    if (timer >= 0) close(timer);
  };
  const itimerspec at_once = {{}, {.tv_sec = 0, .tv_nsec = 1}};
  if (timer >= 0 && timerfd_settime(timer, 0, &at_once, nullptr) != 0) {
    return Failed("timerfd_settime");
  }
  // One that is never ready, and needs no other call than the first.
  const int other = epoll_create1(EPOLL_CLOEXEC);
  if (other < 0) return Failed("epoll_create1");
  const absl::Cleanup close_other = [other] { close(other); };
  epoll_event event{.events = EPOLLIN, .data = {}};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, other, &event) != 0) {
    return Failed("epoll_ctl");
  }
  while (epoll_wait(epoll, &event, 1, 0) < 0) {
    if (errno != EINTR) return Failed("epoll_wait");
  }
  return absl::OkStatus();
}

}  // namespace pagestall
