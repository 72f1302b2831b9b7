#include "lib/probe/mapped_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "lib/probe/proc_line.h"

namespace pagestall {
namespace {

// "            40 kB"
uint64_t Bytes(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  return ProcNumber(absl::StripSuffix(text, " kB")).value_or(0) << 10;
}

}  // namespace

MappedFiles MappedFiles::Now(absl::Span<const std::string> paths,
                             const Process& process) {
  MappedFiles mapped;
  std::vector<std::string> resolved;  // as smaps names them
  for (const std::string& path : paths) {
    std::error_code ignored;
    resolved.push_back(
        absl::StrCat(" ", std::filesystem::canonical(path, ignored).string()));
  }
  std::ifstream smaps(process.Path("smaps"));
  bool of_ours = false;
  for (std::string line; std::getline(smaps, line);) {
    absl::string_view rest = line;
    // A mapping's own line begins with its address, the others with a name.
    if (!absl::ascii_isupper(line.empty() ? ' ' : line[0])) {
      of_ours = std::any_of(
          resolved.begin(), resolved.end(),
          [&](const std::string& path) { return absl::EndsWith(line, path); });
    } else if (of_ours && absl::ConsumePrefix(&rest, "Rss:")) {
      mapped.mapped_bytes += Bytes(rest);
    } else if (of_ours && absl::ConsumePrefix(&rest, "FilePmdMapped:")) {
      mapped.huge_bytes += Bytes(rest);
    } else if (of_ours && mapped.flags.empty() &&
               absl::ConsumePrefix(&rest, "VmFlags:")) {
      mapped.flags = std::string(absl::StripAsciiWhitespace(rest));
    }
  }
  return mapped;
}

}  // namespace pagestall
