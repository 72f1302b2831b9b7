#include "lib/probe/executor_epoll.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "lib/file/errno_status.h"
#include "lib/file/exception_status.h"

namespace pagestall {

absl::StatusOr<int> EpollOf(const asio::any_io_executor& executor) {
  constexpr char kOperation[] = "watch an executor's wait for events";
  return Caught(kOperation, [&]() -> absl::StatusOr<int> {
    const int event = eventfd(0, EFD_CLOEXEC);
    if (event == -1) return ErrnoStatus(errno, kOperation);
    const asio::posix::stream_descriptor mark(executor, event);
    std::error_code error;
    for (std::filesystem::directory_iterator open("/proc/self/fd", error), end;
         !error && open != end; open.increment(error)) {
      int epoll;
      if (absl::SimpleAtoi(open->path().filename().string(), &epoll) &&
          epoll_ctl(epoll, EPOLL_CTL_DEL, event, nullptr) == 0) {
        return epoll;
      }
    }
    return absl::UnimplementedError(
        "blocked time: no epoll descriptor on which the executor waits is "
        "among /proc/self/fd");
  });
}

}  // namespace pagestall
