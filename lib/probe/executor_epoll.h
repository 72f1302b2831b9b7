#ifndef PAGESTALL_LIB_PROBE_EXECUTOR_EPOLL_H_
#define PAGESTALL_LIB_PROBE_EXECUTOR_EPOLL_H_

#include <asio/any_io_executor.hpp>

#include "absl/status/statusor.h"

namespace pagestall {

// The descriptor on which the threads that run the executor wait for events, in
// epoll_wait(2). Asio does not tell: looks for that of this process's
// descriptors which watches a descriptor that was given to the executor. That
// is a system call for each open one, a microsecond or less; none blocks. Any
// thread. Unimplemented where there is none: Asio was told to use something
// else (io_uring, select), or /proc is hidden.
absl::StatusOr<int> EpollOf(const asio::any_io_executor& executor);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_EXECUTOR_EPOLL_H_
