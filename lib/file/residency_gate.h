#ifndef PAGESTALL_LIB_FILE_RESIDENCY_GATE_H_
#define PAGESTALL_LIB_FILE_RESIDENCY_GATE_H_

#include <cstddef>
#include <cstdint>

#include "lib/file/file.h"
#include "lib/file/mapping.h"

namespace pagestall {

// Tells cheaply what of a mapped file can be touched without a wait for the
// device.
//
// mincore(2) tells it exactly, but looks up each page that is cached and not
// mapped. cachestat(2) looks up each folio, but counts a page as soon as its
// read has begun. So it is trusted only while the file is asked for front to
// back, after mincore() said once that what is there is read, and while the
// file is cached further ahead than somebody else's read-ahead reaches, so that
// we do not run into it. What that can miss: pages that others evicted and are
// reading back at this moment.
//
// One thread at a time. Waits for no device, but for the lock of the process's
// mappings as mincore(2) does.
class ResidencyGate {
 public:
  // Both must outlive the gate.
  ResidencyGate(const File& file, const Mapping& mapping);

  // How many of `size` bytes of the mapping from `offset` on (a page's start)
  // are ready; none where the kernel does not tell (MincoreTellsTruth()).
  size_t Ready(uint64_t offset, size_t size);

 private:
  bool Cached(uint64_t offset, uint64_t size) const;
  bool NobodyReadsAhead() const;

  const File& file_;
  const Mapping& mapping_;
  bool told_;             // that mincore() tells the truth
  bool settled_ = false;  // cachestat() is enough
  uint64_t next_ = 0;     // offset, if called front to back
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_RESIDENCY_GATE_H_
