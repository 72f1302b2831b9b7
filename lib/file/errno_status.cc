#include "lib/file/errno_status.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
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
    case ENOSPC:
    case EDQUOT:
      return "make room, or choose another disk";
    case EFBIG:
      return "raise the limit of a file's size (ulimit -f), or choose a "
             "smaller one";
    default:
      return "";
  }
}

struct Encoding {
  uint32_t lead;       // of its first byte, what says how many follow
  uint32_t lead_mask;  // which bits of that byte do
  uint32_t following;
  uint32_t least;  // the first character that is to be encoded so
};
// What two bytes encode begins with control characters, up to 0x9f.
constexpr Encoding kEncodings[] = {{0x00, 0x80, 0, ' '},
                                   {0xc0, 0xe0, 1, 0xa0},
                                   {0xe0, 0xf0, 2, 0x800},
                                   {0xf0, 0xf8, 3, 0x10000}};

// Takes a character of UTF-8 off the front of `text`: false where there is
// none, or one that controls.
bool ConsumePrintable(absl::string_view& text) {
  const auto byte = [&](size_t i) -> uint32_t {
    return static_cast<uint8_t>(text[i]);
  };
  for (const Encoding& encoding : kEncodings) {
    if ((byte(0) & encoding.lead_mask) != encoding.lead) continue;
    if (text.size() <= encoding.following) return false;
    uint32_t character = byte(0) - encoding.lead;
    for (size_t i = 1; i <= encoding.following; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
      character = character << 6 | (byte(i) & 0x3f);
    }
    text.remove_prefix(encoding.following + 1);
    const bool surrogate = character >= 0xd800 && character <= 0xdfff;
    return character >= encoding.least && character <= 0x10ffff && !surrogate &&
           character != 0x7f;
  }
  return false;
}

bool IsPrintable(absl::string_view text) {
  while (!text.empty()) {
    if (!ConsumePrintable(text)) return false;
  }
  return true;
}

}  // namespace

std::string Printable(absl::string_view text) {
  return IsPrintable(text) ? std::string(text) : absl::CEscape(text);
}

std::string QuotedPath(absl::string_view path) {
  return absl::StrCat(
      "'",
      IsPrintable(path) ? absl::Utf8SafeCEscape(path) : absl::CEscape(path),
      "'");
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
