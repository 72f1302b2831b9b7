#include "lib/file/errno_status.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pagestall {
namespace {

absl::string_view UsualAdvice(int error_number) {
  switch (error_number) {
    case EMFILE:
      return "raise the limit of open files (ulimit -n)";
    case ENOMEM:
      return "raise the limit of memory (ulimit -v and -l, or the control "
             "group's)";
    default:
      return "";
  }
}

}  // namespace

std::string QuotedPath(absl::string_view path) {
  return absl::StrCat("'", absl::Utf8SafeCEscape(path), "'");
}

absl::Status ErrnoStatus(int error_number, absl::string_view operation,
                         absl::string_view path, absl::string_view advice) {
  if (advice.empty()) advice = UsualAdvice(error_number);
  return absl::Status(
      absl::ErrnoToStatusCode(error_number),
      absl::StrCat(operation, path.empty() ? "" : " ",
                   path.empty() ? "" : QuotedPath(path), ": ",
                   std::generic_category().message(error_number),
                   advice.empty() ? "" : "; ", advice));
}

}  // namespace pagestall
