#ifndef PAGESTALL_LIB_FILE_MAPPING_H_
#define PAGESTALL_LIB_FILE_MAPPING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "file.h"

namespace pagestall {

// What madvise(2) is asked for, for callers that make the call in another way.
// Linux 5.14, and newer than some C libraries' headers.
inline constexpr int kMadvisePopulateRead = 22;
inline constexpr int kMadviseWillNeed = 3;

// madvise(2) on a part of a mapping that begins at a page's start. Any thread;
// all that is here takes the lock of the process's mappings (mmap_lock), which
// one who maps, unmaps or forks meanwhile holds, and none can be cancelled.
//
// How it will be touched, which decides how much more than a touched page the
// kernel reads: front to back, or in no order.
absl::Status AdviseSequential(absl::Span<const uint8_t> bytes);
absl::Status AdviseRandom(absl::Span<const uint8_t> bytes);
// That it is read, where the file system can, in folios of a huge page,
// whatever the device's read-ahead. Unimplemented without huge pages.
absl::Status AdviseHugePages(absl::Span<const uint8_t> bytes);
// Begins to read it, without a wait for the device but where its queue is full;
// one call begins no more than the larger of the device's read-ahead and its
// largest request.
absl::Status AdviseWillNeed(absl::Span<const uint8_t> bytes);
// Reads and maps it before it returns (MADV_POPULATE_READ). Unimplemented
// before Linux 5.14.
absl::Status PopulateRead(absl::Span<const uint8_t> bytes);
// Reads what of it are whole huge pages and maps them as such before it
// returns, as far as the kernel can now (MADV_COLLAPSE, Linux 6.1).
// Unimplemented where it cannot do that to the file at all.
absl::Status Collapse(absl::Span<const uint8_t> bytes);

// Keeps in memory what of it is, or will be, mapped; reads nothing
// (mlock2(MLOCK_ONFAULT), Linux 4.4). It counts against RLIMIT_MEMLOCK.
absl::Status LockOnFault(absl::Span<const uint8_t> bytes);
void Unlock(absl::Span<const uint8_t> bytes);

// mincore(2) of a part of a mapping that begins at a page's start, with a byte
// for each page. Fails with EPERM where a sandbox would kill the process for
// it.
int Mincore(absl::Span<const uint8_t> bytes, unsigned char* pages);

// How many bytes of a part of a mapping, from its begin on, are in memory and
// read (mincore(2)): touching them waits for no device. `bytes` must begin at a
// page's start. To be believed where MincoreTellsTruth().
absl::StatusOr<size_t> CountReadyBytes(absl::Span<const uint8_t> bytes);

// A whole file mapped for reading (MAP_SHARED). Owns the mapping, not the file,
// which may be closed while the mapping lives (mmap(2)). Mapping reads nothing:
// the first touch of each page does, on the thread that touches it. Any thread;
// nobody may touch its bytes while it is destroyed or moved to.
class Mapping {
 public:
  static absl::StatusOr<Mapping> Map(const File& file);
  // The same with every page read and mapped before it returns (MAP_POPULATE),
  // but for those that could not be.
  static absl::StatusOr<Mapping> MapPopulated(const File& file);

  Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  // The file's bytes; empty for an empty file. To touch a page behind the end
  // of a file that was truncated since raises SIGBUS.
  absl::Span<const uint8_t> bytes() const { return bytes_; }

  // Up to `size` bytes from `offset` on; fewer where the mapping ends.
  absl::Span<const uint8_t> At(uint64_t offset, size_t size) const {
    return bytes_.subspan(std::min<uint64_t>(offset, bytes_.size()), size);
  }

 private:
  explicit Mapping(absl::Span<const uint8_t> bytes) : bytes_(bytes) {}

  static absl::StatusOr<Mapping> Map(const File& file, int flags);

  absl::Span<const uint8_t> bytes_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_MAPPING_H_
