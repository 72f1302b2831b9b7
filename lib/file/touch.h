#ifndef PAGESTALL_LIB_FILE_TOUCH_H_
#define PAGESTALL_LIB_FILE_TOUCH_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"

namespace pagestall {

// While one lives, a page of a mapping that cannot be read, because the device
// says so or because the file was truncated, is an error of the Touch() that
// needed it. Otherwise it is a SIGBUS, whose default is to end the process
// (mmap(2)). A SIGBUS of anything else goes where it would have gone; what
// becomes of handlers that others install, says bus_error_handler.h.
//
// Any thread may make and destroy one; it covers every thread that does not
// block SIGBUS, also those that start later, and children of fork(2). A fault
// in a thread that does, ends the process. May wait for another thread's call.
class BusErrorsCaught {
 public:
  BusErrorsCaught();
  ~BusErrorsCaught();
  BusErrorsCaught(const BusErrorsCaught&) = delete;
  BusErrorsCaught& operator=(const BusErrorsCaught&) = delete;
};

// Calls `touch`, which itself reads `bytes`, those of the file at `path` from
// `offset` on, in a Mapping: a system call that is given lost ones fails with
// EFAULT, of which nothing is said here. DataLoss, naming file, byte and cause,
// if one could not be read; what `touch` has computed is worthless then, and so
// are the bytes from the begin of its page on to the end of that page in which
// `bytes` end. They read as zeros until their Mapping is destroyed, and each
// Touch() that needs one of them returns DataLoss as well, whichever thread met
// the error, now or before.
//
// Zeros need memory, and a mapping of their own: where the kernel refuses them
// (mlockall(2) and RLIMIT_MEMLOCK, vm.max_map_count), the error is a SIGBUS as
// if nothing were caught.
//
// Any thread, also several on the same bytes; `touch` may call Touch(), and may
// throw. Blocks for as long as touching does, which for a mapping may be a read
// of the device; after an error also for an open(2) and a read of the file.
// Nothing but Touch() tells lost bytes from zeros.
absl::Status Touch(absl::Span<const uint8_t> bytes, const std::string& path,
                   uint64_t offset, absl::FunctionRef<void()> touch);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_TOUCH_H_
