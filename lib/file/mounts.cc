#include "lib/file/mounts.h"

#include <cstddef>
#include <fstream>

#include "absl/strings/str_split.h"

namespace pagestall {
namespace {

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

}  // namespace

std::vector<MountLine> ReadMounts(const std::string& process) {
  std::vector<MountLine> mounts;
  std::ifstream file(process + "/mountinfo");
  for (std::string line; std::getline(file, line);) {
    // "36 35 98:0 /root /mount/point rw,noatime shared:1 - ext4 /dev/sda1 rw":
    // a dash ends the optional fields. A source may be empty.
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    for (size_t dash = 6; dash + 3 < fields.size(); ++dash) {
      if (fields[dash] != "-") continue;
      mounts.push_back({.id = fields[0],
                        .root = UnescapeMount(fields[3]),
                        .directory = UnescapeMount(fields[4]),
                        .options = fields[5],
                        .filesystem = fields[dash + 1],
                        .source = UnescapeMount(fields[dash + 2]),
                        .filesystem_options = fields[dash + 3]});
      break;
    }
  }
  return mounts;
}

std::string UnescapeMount(absl::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' &&
        IsOctal(text[i + 1]) && IsOctal(text[i + 2]) && IsOctal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 +
                                 (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace pagestall
