#ifndef PAGESTALL_LIB_FILE_MEMORY_LIMITS_H_
#define PAGESTALL_LIB_FILE_MEMORY_LIMITS_H_

#include <cstdint>

namespace pagestall {

// Any thread. The first two read some files of proc(5) and of control groups,
// which wait for no device.

// How much memory this process could use before the kernel must take some from
// the page cache or a limit of its control groups is met (cgroups(7), memory),
// in bytes. 0 where the kernel does not tell.
uint64_t FreeMemoryBytes();

// The machine's memory in bytes, 0 where neither sysinfo(2) nor /proc/meminfo
// tells.
uint64_t MachineMemoryBytes();

// How much memory this process can have at most, the page cache of what it
// reads included: the machine's, or the least that one of its control groups
// may hold; in bytes. The largest number where nothing tells.
uint64_t MemoryLimitBytes();

// Has the hypervisor of a virtual machine give it `bytes` of its free memory,
// before something is measured: takes them, touches them, gives them back to
// the kernel. What a guest has freed its hypervisor may have taken away (free
// page reporting, ballooning), and then the first touch of each page is paid by
// whoever makes it, as CPU time that the guest cannot explain. Does nothing
// where that is more than half of FreeMemoryBytes(), or before Linux 5.14. A
// limit that cannot be seen (a container's, from within) may be lower: what was
// taken is the kernel's to take back at any time (MADV_FREE, madvise(2)). Takes
// as long as a first write to each of those pages.
void BackFreeMemory(uint64_t bytes);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_MEMORY_LIMITS_H_
