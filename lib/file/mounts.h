#ifndef PAGESTALL_LIB_FILE_MOUNTS_H_
#define PAGESTALL_LIB_FILE_MOUNTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pagestall {

// A line of mountinfo (proc_pid_mountinfo(5)). Options are as they stand there,
// for in one of them a comma is "\054": split, then UnescapeMount().
struct MountLine {
  std::string id;
  std::string root;  // what of the file system is mounted
  std::string directory;
  std::string options;  // the mount's
  std::string filesystem;
  std::string source;
  std::string filesystem_options;
};

// In the order of mounting; a later one may hide others. A line that is none is
// left out. `process` has the file of that name: of a thread, which is there
// also when the process's first one has ended. Any thread.
std::vector<MountLine> ReadMounts(
    const std::string& process = "/proc/thread-self");

// Each backslash with three octal digits is a byte.
std::string UnescapeMount(absl::string_view text);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_MOUNTS_H_
