#ifndef PAGESTALL_LIB_PROBE_MEMORY_H_
#define PAGESTALL_LIB_PROBE_MEMORY_H_

#include <cstdint>
#include <optional>

#include "process.h"

namespace pagestall {

// Memory that a process holds beyond the page cache, in bytes: its own pages
// and the page tables of all that it has mapped (RssAnon and VmPTE,
// proc_pid_status(5)). Not what the kernel holds for it, an io_uring say. The
// kernel counts pages per CPU and may be some 100 KiB off. Empty where it does
// not tell. Any thread, of this process also when the first one has ended.
std::optional<uint64_t> MemoryBytes(const Process& process = {});

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_MEMORY_H_
