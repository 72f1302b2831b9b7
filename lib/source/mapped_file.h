#ifndef PAGESTALL_LIB_SOURCE_MAPPED_FILE_H_
#define PAGESTALL_LIB_SOURCE_MAPPED_FILE_H_

#include <fcntl.h>

#include <string>
#include <utility>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/source/source.h"

namespace pagestall {

// A file mapped as the options say, and a place in it: what the sources have in
// common that sum a mapping where it lies. Reads nothing.
class MappedFile {
 public:
  static absl::StatusOr<MappedFile> Open(const std::string& path,
                                         const SourceOptions& options) {
    absl::StatusOr<File> file = File::Open(path, O_RDONLY);
    if (!file.ok()) return file.status();
    absl::StatusOr<Mapping> mapping = Mapping::Map(*file);
    if (!mapping.ok()) return mapping.status();
    if (options.random) {
      absl::Status status = AdviseRandom(mapping->bytes());
      if (!status.ok()) return status;
    }
    return MappedFile(*std::move(file), *std::move(mapping));
  }

  const File& file() const { return file_; }
  const Mapping& mapping() const { return mapping_; }
  Mapping& mapping() { return mapping_; }

  // Where the next chunk begins.
  uint64_t offset() const { return offset_; }

  Chunk Next(size_t size) {
    const Chunk chunk = mapping_.At(offset_, size);
    offset_ += chunk.size();
    return chunk;
  }

 private:
  MappedFile(File file, Mapping mapping)
      : file_(std::move(file)), mapping_(std::move(mapping)) {}

  File file_;
  Mapping mapping_;
  uint64_t offset_ = 0;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MAPPED_FILE_H_
