#ifndef PAGESTALL_LIB_SOURCE_URING_DIRECT_H_
#define PAGESTALL_LIB_SOURCE_URING_DIRECT_H_

#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/file/file.h"
#include "lib/file/page_buffer.h"
#include "lib/file/shared_buffer.h"
#include "lib/source/source.h"
#include "lib/uring/ring.h"

namespace pagestall {

// O_DIRECT reads by the ring, several in flight per file. Warm, it reads the
// device all the same.
class UringDirectSource final : public AsyncSource {
 public:
  // Unimplemented on a file system without O_DIRECT.
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<Ring*> ring = environment.ring();
    if (!ring.ok()) return ring.status();
    absl::StatusOr<File> file = File::OpenDirect(path);
    if (!file.ok()) return file.status();
    absl::StatusOr<uint64_t> size = file->Size();
    if (!size.ok()) return size.status();
    absl::StatusOr<size_t> alignment = file->DirectAlignment();
    if (!alignment.ok()) return alignment.status();
    return std::make_unique<UringDirectSource>(*std::move(file), *size,
                                               *alignment, options, **ring);
  }

  UringDirectSource(File file, uint64_t size, size_t alignment,
                    const SourceOptions& options, Ring& ring)
      : file_(std::make_shared<const File>(std::move(file))),
        size_(size),
        alignment_(alignment),
        chunk_bytes_(WholeBlocks(options.chunk_bytes)),
        ring_(ring),
        buffer_(PageBuffer((options.ahead + 1) * chunk_bytes_, alignment)),
        operations_(options.ahead + 1) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    // The chunk that was handed out last is free to be read into.
    while (asked_ < size_ &&
           asked_ < offset_ + operations_.size() * chunk_bytes_) {
      OperationAt(asked_) = ring_.StartRead(file_, BlocksAt(asked_), asked_);
      asked_ += chunk_bytes_;
    }
    if (offset_ >= size_) co_return AwaitedChunk();
    const size_t wanted = std::min<uint64_t>(chunk_bytes_, size_ - offset_);
    const SharedBuffer blocks = BlocksAt(offset_);
    const absl::StatusOr<size_t> count = co_await ring_.Read(
        std::move(OperationAt(offset_)), file_, blocks, offset_, 0, wanted);
    if (!count.ok()) co_return count.status();
    offset_ += chunk_bytes_;
    co_return AwaitedChunk{.bytes = blocks.bytes().first(*count)};
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, SharedBuffer buffer) override {
    const uint64_t rest = size_ - std::min(offset, size_);
    const absl::StatusOr<size_t> count = co_await ring_.Read(
        file_, buffer, offset, 0, std::min<uint64_t>(buffer.size(), rest));
    if (!count.ok()) co_return count.status();
    co_return AwaitedChunk{.bytes = buffer.bytes().first(*count)};
  }

 private:
  size_t WholeBlocks(size_t bytes) const {
    return (bytes + alignment_ - 1) / alignment_ * alignment_;
  }

  // The chunks take the places in turn.
  size_t PlaceOf(uint64_t offset) const {
    return offset / chunk_bytes_ % operations_.size();
  }

  RingOperation& OperationAt(uint64_t offset) {
    return operations_[PlaceOf(offset)];
  }

  // Where the file ends, up to the end of its last block.
  SharedBuffer BlocksAt(uint64_t offset) {
    const size_t rest = std::min<uint64_t>(chunk_bytes_, size_ - offset);
    return buffer_.Part(PlaceOf(offset) * chunk_bytes_, WholeBlocks(rest));
  }

  std::shared_ptr<const File> file_;
  uint64_t size_;
  size_t alignment_;
  size_t chunk_bytes_;
  uint64_t offset_ = 0;  // of the next chunk to hand out
  uint64_t asked_ = 0;   // where the next read begins
  Ring& ring_;
  // A place for each chunk that is being read, was read or is handed out.
  SharedBuffer buffer_;
  std::vector<RingOperation> operations_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_URING_DIRECT_H_
