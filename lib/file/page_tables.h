#ifndef PAGESTALL_LIB_FILE_PAGE_TABLES_H_
#define PAGESTALL_LIB_FILE_PAGE_TABLES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/file/file.h"
#include "lib/file/known_pages.h"

namespace pagestall {

// What of its memory this process has mapped: a page of a mapped file that is,
// is in memory and read, whoever may ask for more (mincore(2) hides it from
// some, the page tables are the process's own). By the PAGEMAP_SCAN of
// /proc/self/pagemap (Linux 6.7, the kernel's admin-guide/mm/pagemap.rst), or
// by reading that file. Any thread; waits for no device, but for the lock of
// the process's mappings.
class PageTables {
 public:
  // Of this process: a child of fork(2) opens its own. PermissionDenied where
  // it may not look at itself (PR_SET_DUMPABLE, prctl(2)).
  static absl::StatusOr<PageTables> Open();

  // Which pages of up to KnownPages::kChunkPages are mapped. `bytes` begins at
  // a page's start.
  absl::StatusOr<KnownPages::Bits> FindMapped(
      absl::Span<const uint8_t> bytes) const;

  // The same without PAGEMAP_SCAN.
  absl::StatusOr<KnownPages::Bits> ReadMapped(
      absl::Span<const uint8_t> bytes) const;

 private:
  explicit PageTables(File file) : file_(std::move(file)) {}

  File file_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_PAGE_TABLES_H_
