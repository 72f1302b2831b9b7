#ifndef PAGESTALL_LIB_PROBE_PROC_LINE_H_
#define PAGESTALL_LIB_PROBE_PROC_LINE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace pagestall {

// What follows `prefix` on the first line of `path`, a file of proc(5), that
// begins with it. Empty where there is none, or a sandbox hides the file. Any
// thread.
std::optional<std::string> ProcLine(const std::string& path,
                                    absl::string_view prefix);

// All of the file, of which a thread's name may make lines. Empty as above.
std::optional<std::string> ProcText(const std::string& path);

// The first line of a file of proc(5) or sysfs(5), without white space at its
// ends; `otherwise` where that is empty or there is none. Any thread.
std::string FirstLine(const std::string& path,
                      absl::string_view otherwise = "");

// A whole number in decimal digits. Empty for anything else.
std::optional<uint64_t> ProcNumber(absl::string_view text);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_PROC_LINE_H_
