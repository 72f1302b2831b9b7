#ifndef PAGESTALL_LIB_SOURCE_UNCACHED_H_
#define PAGESTALL_LIB_SOURCE_UNCACHED_H_

#include "lib/source/ring_read.h"

namespace pagestall {

// Newer than many C libraries' headers.
inline constexpr int kRwfDontCache = 0x80;

// Reads that leave nothing in the page cache that was not there before
// (RWF_DONTCACHE, Linux 6.14, where the file system takes part): for who reads
// something once and must not push out what others read again.
using UncachedSource = RingReadSource<kRwfDontCache>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_UNCACHED_H_
