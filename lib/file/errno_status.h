#ifndef PAGESTALL_LIB_FILE_ERRNO_STATUS_H_
#define PAGESTALL_LIB_FILE_ERRNO_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pagestall {

// Any thread; each of them waits for nothing.

// Returns `text` as it can stand in one line of a message or in JSON: as it is
// if it is UTF-8 without control characters, else escaped as in C.
std::string Printable(absl::string_view text);

// Returns `path` printable, and quoted.
std::string QuotedPath(absl::string_view path);

// Returns the error that says that `operation` on `path` failed with
// `error_number`, and what the user can do: "open '/d/x': Permission denied;
// pass --data_dir". The code is the canonical one of the errno value. Without a
// path where none is known. Without advice, one on what is short where
// something is.
absl::Status ErrnoStatus(int error_number, absl::string_view operation,
                         absl::string_view path = "",
                         absl::string_view advice = "");

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_ERRNO_STATUS_H_
