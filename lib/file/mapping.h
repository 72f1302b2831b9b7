#ifndef PAGESTALL_LIB_FILE_MAPPING_H_
#define PAGESTALL_LIB_FILE_MAPPING_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/file/file.h"

namespace pagestall {

// A whole file mapped for reading (MAP_SHARED). Owns the mapping, not the file,
// which may be closed while the mapping lives (mmap(2)). Mapping reads nothing:
// the first touch of each page does, on the thread that touches it.
class Mapping {
 public:
  static absl::StatusOr<Mapping> Map(const File& file);

  Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  // The file's bytes; empty for an empty file. To touch a page behind the end
  // of a file that was truncated since raises SIGBUS.
  absl::Span<const uint8_t> bytes() const { return bytes_; }

 private:
  explicit Mapping(absl::Span<const uint8_t> bytes) : bytes_(bytes) {}

  absl::Span<const uint8_t> bytes_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_MAPPING_H_
