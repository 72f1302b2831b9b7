#include "lib/probe/executor_epoll.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/exception_status.h"

namespace pagestall {
namespace {

// Whether it has watched the event. Not epoll_ctl(): the thread sanitizer takes
// that for a use of descriptors that other threads may just be closing.
bool Forgets(int epoll, int event) {
  return syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, event, nullptr) == 0;
}

}  // namespace

absl::StatusOr<int> EpollOf(const asio::any_io_executor& executor) {
  constexpr char kOperation[] = "watch an executor's wait for events";
  return Caught(kOperation, [&]() -> absl::StatusOr<int> {
    const int event = eventfd(0, EFD_CLOEXEC);
    if (event == -1) return ErrnoStatus(errno, kOperation);
    const asio::posix::stream_descriptor mark(executor, event);
    // Not /proc/self, which is the main thread's: that may have ended.
    constexpr char kOpen[] = "/proc/thread-self/fd";
    std::error_code error;
    for (std::filesystem::directory_iterator open(kOpen, error), end;
         !error && open != end; open.increment(error)) {
      int epoll;
      if (absl::SimpleAtoi(open->path().filename().string(), &epoll) &&
          Forgets(epoll, event)) {
        return epoll;
      }
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      return ErrnoStatus(error.value(), "list", kOpen);
    }
    return absl::UnimplementedError(
        absl::StrCat("blocked time: no epoll descriptor on which the executor "
                     "waits is among ",
                     kOpen));
  });
}

}  // namespace pagestall
