#ifndef PAGESTALL_LIB_FILE_FOLIOS_H_
#define PAGESTALL_LIB_FILE_FOLIOS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "lib/file/file.h"

namespace pagestall {

// The pieces in which the page cache holds a file. A read makes them as large
// as its read-ahead allows; what it costs to map a file depends on their size.
struct Folios {
  uint64_t pages = 0;
  uint64_t folios = 0;

  Folios& operator+=(const Folios& other) {
    pages += other.pages;
    folios += other.folios;
    return *this;
  }
};

// Counts those of the file, by /proc/self/pagemap and /proc/kpageflags
// (the kernel's admin-guide/mm/pagemap.rst), for which it maps the file and
// reads what is not in the page cache. PermissionDenied without root,
// Unimplemented where the kernel has no such file. Any thread; waits for the
// device.
absl::StatusOr<Folios> CountFolios(const File& file);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_FOLIOS_H_
