#ifndef PAGESTALL_LIB_EXECUTOR_EVENTS_H_
#define PAGESTALL_LIB_EXECUTOR_EVENTS_H_

#include "absl/status/status.h"

namespace pagestall {

// Whether a thread can wait for events and timers: what Asio asks the kernel
// for without looking at the answer (epoll_ctl(2), epoll_wait(2) and
// timerfd_settime(2) in epoll_reactor.ipp). Where a sandbox refuses the first
// two it waits for ever; where it refuses the last, timers end with other
// events, and a probe sees stalls that there were none. To be asked before an
// io_context runs. Any thread; does not block. PermissionDenied or
// Unimplemented where it cannot, ResourceExhausted without descriptors.
absl::Status CheckEvents();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_EVENTS_H_
