#include "lib/probe/memory.h"

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "lib/probe/proc_line.h"

namespace pagestall {
namespace {

// A line of status such as "VmPTE:	      40 kB".
std::optional<uint64_t> StatusBytes(const Process& process,
                                    absl::string_view name) {
  const auto line = ProcLine(process.Path("status"), name);
  if (!line) return std::nullopt;
  const auto kib =
      ProcNumber(absl::StripAsciiWhitespace(absl::StripSuffix(*line, " kB")));
  if (!kib) return std::nullopt;
  return *kib << 10;
}

}  // namespace

std::optional<uint64_t> MemoryBytes(const Process& process) {
  const auto pages = StatusBytes(process, "RssAnon:");
  const auto tables = StatusBytes(process, "VmPTE:");
  if (!pages || !tables) return std::nullopt;
  return *pages + *tables;
}

}  // namespace pagestall
