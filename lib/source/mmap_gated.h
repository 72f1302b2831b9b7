#ifndef PAGESTALL_LIB_SOURCE_MMAP_GATED_H_
#define PAGESTALL_LIB_SOURCE_MMAP_GATED_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/file/residency_gate.h"
#include "lib/source/mapped_file.h"
#include "lib/source/source.h"

namespace pagestall {

// A mapping whose chunks are touched on the executor when they are in memory,
// and on the thread pool when they are not.
class MmapGatedSource final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<MappedFile> file = MappedFile::Open(path, options);
    if (!file.ok()) return file.status();
    return std::make_unique<MmapGatedSource>(
        *std::move(file), options.chunk_bytes, environment.pool());
  }

  MmapGatedSource(MappedFile file, size_t chunk_bytes, BlockingPool& pool)
      : file_(std::move(file)), chunk_bytes_(chunk_bytes), pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    const uint64_t offset = file_.offset();
    co_return Gated(offset, file_.Next(chunk_bytes_));
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, absl::Span<uint8_t> buffer) override {
    co_return Gated(offset, file_.mapping().At(offset, buffer.size()));
  }

 private:
  AwaitedChunk Gated(uint64_t offset, Chunk chunk) {
    const bool ready = gate_.Ready(offset, chunk.size()) == chunk.size();
    return {.bytes = chunk, .touch_on = ready ? nullptr : &pool_};
  }

  MappedFile file_;
  size_t chunk_bytes_;
  BlockingPool& pool_;
  ResidencyGate gate_{file_.file(), file_.mapping()};
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_GATED_H_
