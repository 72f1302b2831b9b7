#ifndef PAGESTALL_LIB_FILE_CONTROL_GROUPS_H_
#define PAGESTALL_LIB_FILE_CONTROL_GROUPS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pagestall {

// A control group (cgroups(7)) that this process is in, or one above it.
struct ControlGroup {
  std::string directory;
  bool unified = false;  // of version 2, whose files have other names
};

// Those that `controller` ("memory", "cpu") may limit, the innermost first, as
// far as they are visible: a container sees none above its own.
std::vector<ControlGroup> ControlGroups(absl::string_view controller);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_CONTROL_GROUPS_H_
