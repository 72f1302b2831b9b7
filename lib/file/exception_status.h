#ifndef PAGESTALL_LIB_FILE_EXCEPTION_STATUS_H_
#define PAGESTALL_LIB_FILE_EXCEPTION_STATUS_H_

#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pagestall {

// Any thread. Neither waits for anything but `work`.

// Returns the exception that is being handled, which ended `operation`, as
// ErrnoStatus() would. ResourceExhausted where threads, descriptors or memory
// are short.
absl::Status ExceptionStatus(absl::string_view operation);

// Returns what `work` returns, a Status or a StatusOr, or as an error what it
// throws.
template <typename Work>
std::invoke_result_t<Work&> Caught(absl::string_view operation, Work work) {
  try {
    return work();
  } catch (...) {
    return ExceptionStatus(operation);
  }
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_EXCEPTION_STATUS_H_
