#ifndef PAGESTALL_LIB_SOURCE_OPEN_TO_READ_H_
#define PAGESTALL_LIB_SOURCE_OPEN_TO_READ_H_

#include <fcntl.h>

#include <string>

#include "lib/file/file.h"
#include "lib/source/source.h"

namespace pagestall {

// Opens a file for reads through the page cache, told how it will be read.
inline absl::StatusOr<File> OpenToRead(const std::string& path,
                                       const SourceOptions& options) {
  absl::StatusOr<File> file = File::Open(path, O_RDONLY);
  if (!file.ok() || !options.random) return file;
  absl::Status status = file->Advise(POSIX_FADV_RANDOM);
  if (!status.ok()) return status;
  return file;
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_OPEN_TO_READ_H_
