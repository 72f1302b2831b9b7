#ifndef PAGESTALL_LIB_PROBE_MAPPED_FILES_H_
#define PAGESTALL_LIB_PROBE_MAPPED_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "process.h"

namespace pagestall {

// What the kernel says of a process's mappings of some files (smaps,
// proc_pid_smaps(5)). Any thread, of this process also when the first one has
// ended.
struct MappedFiles {
  // VmFlags of the first of them, such as "rd sh mr mw me ms sd rr": sr and rr
  // are advice to read front to back and in no order, hg is for huge pages.
  // Empty where none is mapped.
  std::string flags;
  uint64_t mapped_bytes = 0;  // Rss, of all of them
  uint64_t huge_bytes = 0;    // of those: FilePmdMapped, by huge pages

  // The files must exist. Walks the tables of all that is mapped: milliseconds
  // where that is much.
  static MappedFiles Now(absl::Span<const std::string> paths,
                         const Process& process = {});
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_MAPPED_FILES_H_
