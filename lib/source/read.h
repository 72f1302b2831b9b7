#ifndef PAGESTALL_LIB_SOURCE_READ_H_
#define PAGESTALL_LIB_SOURCE_READ_H_

#include <fcntl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "lib/file/file.h"
#include "lib/source/offloaded.h"
#include "lib/source/read_buffer.h"
#include "lib/source/source.h"

namespace pagestall {

// pread(2) into one buffer, front to back.
class ReadSource final : public BlockingSource {
 public:
  static absl::StatusOr<std::unique_ptr<BlockingSource>> Open(
      const std::string& path, const SourceOptions& options) {
    absl::StatusOr<File> file = File::Open(path, O_RDONLY);
    if (!file.ok()) return file.status();
    return std::make_unique<ReadSource>(*std::move(file), options.buffer_bytes);
  }

  ReadSource(File file, size_t buffer_bytes)
      : file_(std::move(file)), buffer_(buffer_bytes) {}

  absl::StatusOr<Chunk> Next() override {
    absl::StatusOr<size_t> count = file_.Read(buffer_.bytes(), offset_);
    if (!count.ok()) return count.status();
    offset_ += *count;
    return buffer_.bytes().first(*count);
  }

 private:
  File file_;
  ReadBuffer buffer_;
  uint64_t offset_ = 0;
};

// tokio::fs works like this.
using AsyncReadSource = Offloaded<ReadSource>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_READ_H_
