#ifndef PAGESTALL_LIB_FILE_PAGE_CACHE_H_
#define PAGESTALL_LIB_FILE_PAGE_CACHE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/file/file.h"

namespace pagestall {

// Any thread. Counting waits for no device, what evicts waits for the writes of
// what is dirty.

// How much of a file, or of several, the page cache holds; in pages.
struct Residency {
  uint64_t resident = 0;
  uint64_t total = 0;

  Residency& operator+=(const Residency& other) {
    resident += other.resident;
    total += other.total;
    return *this;
  }
  bool none() const { return resident == 0; }
  bool all() const { return resident == total; }
};

// Which of the kernel's counts is asked.
enum class PageCount {
  kCachestat,  // cachestat(2), or mincore where the kernel (before 6.5) or a
               // sandbox lacks it
  kMincore,    // mincore(2)
};

// Counts the file's pages that are in the page cache, touching none of them.
// PermissionDenied for a file that the caller neither owns nor may write: the
// kernel hides the answer (cachestat refuses, mincore says "all").
absl::StatusOr<Residency> CountResident(const File& file,
                                        PageCount by = PageCount::kCachestat);

// Which count sees the file's pages, found out by a read of its first byte,
// which may wait for the device. On
// a stacked file system (overlayfs) the pages are another file's, and only
// mincore() follows to that one. FailedPrecondition where none does.
absl::StatusOr<PageCount> FindPageCount(const File& file);

// Whether the page cache holds every page of `size` bytes from `offset` on; one
// counts from when its read has begun, before it holds anything. By
// cachestat(2) alone: Unimplemented or PermissionDenied without it.
absl::StatusOr<bool> AllCached(const File& file, uint64_t offset,
                               uint64_t size);

// Whether mincore(2) tells the truth of this file. It does to those who own it
// or may write it (can_do_mincore() in the kernel's mm/mincore.c); to others it
// says that every page is resident.
bool MincoreTellsTruth(const File& file);

// Asks the kernel to drop the file's pages: fdatasync(2), because dirty pages
// are kept, then posix_fadvise(POSIX_FADV_DONTNEED). Pages that are mapped,
// locked or being read stay without an error: count them afterwards.
absl::Status Evict(const File& file);

// The same for the clean pages of `size` bytes from `offset` on (0: up to the
// end). A folio of which only a part lies in the range stays whole.
absl::Status EvictRange(const File& file, uint64_t offset, uint64_t size);

// Drops every clean page of the machine (/proc/sys/vm/drop_caches, 1). Needs
// root and slows down everybody else.
absl::Status DropAllPages();

// Whether the kernel can drop the file's pages at all. Unimplemented on file
// systems that live in the page cache (tmpfs, ramfs).
absl::Status CheckEvictable(const File& file);

// Unimplemented: that is what such a file cannot.
absl::Status LivesInMemory(const File& file);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_PAGE_CACHE_H_
