#include "lib/file/errno_status.h"

#include <string>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pagestall {

std::string QuotedPath(absl::string_view path) {
  return absl::StrCat("'", absl::Utf8SafeCEscape(path), "'");
}

absl::Status ErrnoStatus(int error_number, absl::string_view operation,
                         absl::string_view path, absl::string_view advice) {
  return absl::Status(
      absl::ErrnoToStatusCode(error_number),
      absl::StrCat(operation, path.empty() ? "" : " ",
                   path.empty() ? "" : QuotedPath(path), ": ",
                   std::generic_category().message(error_number),
                   advice.empty() ? "" : "; ", advice));
}

}  // namespace pagestall
