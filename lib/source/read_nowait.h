#ifndef PAGESTALL_LIB_SOURCE_READ_NOWAIT_H_
#define PAGESTALL_LIB_SOURCE_READ_NOWAIT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "lib/file/file.h"
#include "lib/source/open_to_read.h"
#include "lib/source/read_buffer.h"
#include "lib/source/source.h"

namespace pagestall {

// Reads on the executor what the page cache holds (RWF_NOWAIT) and has the
// thread pool read the rest.
class ReadNoWaitSource final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<File> file = OpenToRead(path, options);
    if (!file.ok()) return file.status();
    return std::make_unique<ReadNoWaitSource>(
        *std::move(file), options.buffer_bytes, environment.pool());
  }

  ReadNoWaitSource(File file, size_t buffer_bytes, BlockingPool& pool)
      : file_(std::move(file)), buffer_(buffer_bytes), pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    absl::StatusOr<AwaitedChunk> chunk = co_await At(offset_, buffer_.shared());
    if (chunk.ok()) offset_ += chunk->bytes.size();
    co_return chunk;
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, SharedBuffer buffer) override {
    const absl::Span<uint8_t> bytes = buffer.bytes();
    absl::StatusOr<size_t> cached = file_.ReadCached(bytes, offset);
    if (!cached.ok()) co_return cached.status();
    absl::StatusOr<size_t> rest = 0;
    if (*cached < bytes.size()) {
      rest = co_await pool_.Run([this, offset, bytes, done = *cached] {
        return file_.Read(bytes.subspan(done), offset + done);
      });
      if (!rest.ok()) co_return rest.status();
    }
    co_return AwaitedChunk{.bytes = bytes.first(*cached + *rest)};
  }

 private:
  File file_;
  ReadBuffer buffer_;
  BlockingPool& pool_;
  uint64_t offset_ = 0;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_READ_NOWAIT_H_
