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
// far as they are mounted and visible: a container sees none above its own.
// `process` has the files of proc_pid_cgroup(5) and proc_pid_mountinfo(5).
// Any thread; those files wait for no device.
std::vector<ControlGroup> ControlGroups(
    absl::string_view controller,
    const std::string& process = "/proc/thread-self");

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_CONTROL_GROUPS_H_
