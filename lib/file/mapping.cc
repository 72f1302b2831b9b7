#include "lib/file/mapping.h"

#include <sys/mman.h>

#include <cerrno>

#include "lib/file/errno_status.h"

namespace pagestall {

absl::StatusOr<Mapping> Mapping::Map(const File& file) {
  absl::StatusOr<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  if (*size == 0) return Mapping({});
  void* address = mmap(nullptr, *size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (address == MAP_FAILED) return ErrnoStatus(errno, "mmap", file.path());
  return Mapping(
      absl::MakeConstSpan(static_cast<const uint8_t*>(address), *size));
}

Mapping::~Mapping() {
  if (!bytes_.empty()) {
    munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
  }
}

}  // namespace pagestall
