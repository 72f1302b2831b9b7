#ifndef PAGESTALL_LIB_SOURCE_MMAP_AWAITED_H_
#define PAGESTALL_LIB_SOURCE_MMAP_AWAITED_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/source/source.h"
#include "lib/uring/awaited_mapping.h"

namespace pagestall {

// A mapping whose chunks are awaited before the executor touches them, and
// whose records are where they lie if that is mapped, or read.
class MmapAwaitedSource final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<Ring*> ring = environment.ring();
    if (!ring.ok()) return ring.status();
    absl::StatusOr<std::unique_ptr<AwaitedMapping>> mapping =
        AwaitedMapping::Open(
            path, **ring, {.ahead = options.ahead, .random = options.random});
    if (!mapping.ok()) return mapping.status();
    return std::make_unique<MmapAwaitedSource>(*std::move(mapping),
                                               options.chunk_bytes);
  }

  MmapAwaitedSource(std::unique_ptr<AwaitedMapping> mapping, size_t chunk_bytes)
      : mapping_(std::move(mapping)), chunk_bytes_(chunk_bytes) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    const uint64_t offset = offset_;
    offset_ += chunk_bytes_;
    return Chunked(mapping_->Await(offset, chunk_bytes_));
  }

  std::optional<Chunk> TryAt(uint64_t offset,
                             const SharedBuffer& buffer) override {
    return mapping_->TryAwait(offset, buffer.size());
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, SharedBuffer buffer) override {
    return Chunked(mapping_->LookUp(offset, std::move(buffer)));
  }

 private:
  static asio::awaitable<absl::StatusOr<AwaitedChunk>> Chunked(
      asio::awaitable<absl::StatusOr<Chunk>> awaited) {
    const absl::StatusOr<Chunk> chunk = co_await std::move(awaited);
    if (!chunk.ok()) co_return chunk.status();
    co_return AwaitedChunk{.bytes = *chunk};
  }

  std::unique_ptr<AwaitedMapping> mapping_;
  size_t chunk_bytes_;
  uint64_t offset_ = 0;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_AWAITED_H_
