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
// (mmap(2)). A SIGBUS of anything else goes where it would have gone. Any
// thread; the former disposition is put back when the last one ends.
class BusErrorsCaught {
 public:
  BusErrorsCaught();
  ~BusErrorsCaught();
  BusErrorsCaught(const BusErrorsCaught&) = delete;
  BusErrorsCaught& operator=(const BusErrorsCaught&) = delete;
};

// Calls `touch`, which reads `bytes`: those of the file at `path` from `offset`
// on, in a mapping or elsewhere. DataLoss, naming file, byte and cause, if one
// could not be read; what `touch` has computed is worthless then, and so are
// the bytes from there on, which read as zeros until they are unmapped.
absl::Status Touch(absl::Span<const uint8_t> bytes, const std::string& path,
                   uint64_t offset, absl::FunctionRef<void()> touch);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_TOUCH_H_
