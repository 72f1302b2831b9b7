#ifndef PAGESTALL_LIB_SOURCE_RING_READ_H_
#define PAGESTALL_LIB_SOURCE_RING_READ_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/file/file.h"
#include "lib/source/open_to_read.h"
#include "lib/source/read_buffer.h"
#include "lib/source/source.h"
#include "lib/uring/ring.h"

namespace pagestall {

// Reads through the page cache by the ring, one in flight per file, with the
// `kFlags` of preadv2(2).
template <int kFlags>
class RingReadSource final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<Ring*> ring = environment.ring();
    if (!ring.ok()) return ring.status();
    absl::StatusOr<File> file = OpenToRead(path, options);
    if (!file.ok()) return file.status();
    return std::make_unique<RingReadSource>(*std::move(file),
                                            options.buffer_bytes, **ring);
  }

  RingReadSource(File file, size_t buffer_bytes, Ring& ring)
      : file_(std::make_shared<const File>(std::move(file))),
        buffer_(buffer_bytes),
        ring_(ring) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    absl::StatusOr<size_t> count =
        co_await ring_.Read(file_, buffer_.shared(), offset_, kFlags);
    if (!count.ok()) co_return count.status();
    offset_ += *count;
    co_return AwaitedChunk{.bytes = buffer_.bytes().first(*count)};
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, SharedBuffer buffer) override {
    absl::StatusOr<size_t> count =
        co_await ring_.Read(file_, buffer, offset, kFlags);
    if (!count.ok()) co_return count.status();
    co_return AwaitedChunk{.bytes = buffer.bytes().first(*count)};
  }

 private:
  std::shared_ptr<const File> file_;
  ReadBuffer buffer_;
  uint64_t offset_ = 0;
  Ring& ring_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_RING_READ_H_
