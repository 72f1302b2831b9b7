#ifndef PAGESTALL_LIB_SOURCE_READ_H_
#define PAGESTALL_LIB_SOURCE_READ_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "lib/file/file.h"
#include "lib/source/offloaded.h"
#include "lib/source/open_to_read.h"
#include "lib/source/read_buffer.h"
#include "lib/source/source.h"

namespace pagestall {

// pread(2) into one buffer, front to back.
class ReadSource final : public BlockingSource {
 public:
  static absl::StatusOr<std::unique_ptr<BlockingSource>> Open(
      const std::string& path, const SourceOptions& options) {
    absl::StatusOr<File> file = OpenToRead(path, options);
    if (!file.ok()) return file.status();
    AdviceToGive advice(options.advice);
    absl::Status status = advice.AtOpen(*file, nullptr);
    if (!status.ok()) return status;
    return std::make_unique<ReadSource>(*std::move(file), options.buffer_bytes,
                                        advice);
  }

  ReadSource(File file, size_t buffer_bytes, AdviceToGive advice)
      : file_(std::move(file)), buffer_(buffer_bytes), advice_(advice) {}

  absl::StatusOr<Chunk> Next() override {
    absl::Status status = advice_.WithFirstBytes(file_, nullptr);
    if (!status.ok()) return status;
    absl::StatusOr<Chunk> chunk = At(offset_, buffer_.bytes());
    if (chunk.ok()) offset_ += chunk->size();
    return chunk;
  }

  absl::StatusOr<Chunk> At(uint64_t offset,
                           absl::Span<uint8_t> buffer) override {
    absl::StatusOr<size_t> count = file_.Read(buffer, offset);
    if (!count.ok()) return count.status();
    return buffer.first(*count);
  }

 private:
  File file_;
  ReadBuffer buffer_;
  AdviceToGive advice_;
  uint64_t offset_ = 0;
};

// tokio::fs works like this.
using AsyncReadSource = Offloaded<ReadSource>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_READ_H_
