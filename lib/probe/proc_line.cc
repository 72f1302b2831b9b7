#include "lib/probe/proc_line.h"

#include <fcntl.h>

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "lib/file/file.h"

namespace pagestall {

std::optional<std::string> ProcText(const std::string& path) {
  const absl::StatusOr<File> file = File::Open(path, O_RDONLY);
  if (!file.ok()) return std::nullopt;
  std::array<uint8_t, 4096> part;
  for (std::string text;;) {
    const auto size = file->Read(absl::MakeSpan(part), text.size());
    if (!size.ok()) return std::nullopt;
    text.append(reinterpret_cast<const char*>(part.data()), *size);
    if (*size < part.size()) return text;
  }
}

std::optional<std::string> ProcLine(const std::string& path,
                                    absl::string_view prefix) {
  const std::optional<std::string> text = ProcText(path);
  if (!text) return std::nullopt;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (absl::ConsumePrefix(&line, prefix)) return std::string(line);
  }
  return std::nullopt;
}

std::string FirstLine(const std::string& path, absl::string_view otherwise) {
  const std::optional<std::string> line = ProcLine(path, "");
  const absl::string_view text = line ? absl::StripAsciiWhitespace(*line) : "";
  return std::string(text.empty() ? otherwise : text);
}

std::optional<uint64_t> ProcNumber(absl::string_view text) {
  uint64_t number;
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

}  // namespace pagestall
