#ifndef PAGESTALL_LIB_SOURCE_ALWAYS_READY_H_
#define PAGESTALL_LIB_SOURCE_ALWAYS_READY_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/source/source.h"

namespace pagestall {

// A blocking source in an async source's clothes: its await is always ready.
// Whatever sleep the source needs, the executor's thread sleeps it.
template <typename Blocking>
class AlwaysReady final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& /*environment*/) {
    absl::StatusOr<std::unique_ptr<BlockingSource>> source =
        Blocking::Open(path, options);
    if (!source.ok()) return source.status();
    return std::make_unique<AlwaysReady>(*std::move(source));
  }

  explicit AlwaysReady(std::unique_ptr<BlockingSource> source)
      : source_(std::move(source)) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    co_return Ready(source_->Next());
  }

  std::optional<Chunk> TryAt(uint64_t offset,
                             const SharedBuffer& buffer) override {
    absl::StatusOr<Chunk> chunk = source_->At(offset, buffer.bytes());
    if (!chunk.ok()) return std::nullopt;
    return *chunk;
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, SharedBuffer buffer) override {
    co_return Ready(source_->At(offset, buffer.bytes()));
  }

 private:
  static absl::StatusOr<AwaitedChunk> Ready(absl::StatusOr<Chunk> chunk) {
    if (!chunk.ok()) return chunk.status();
    return AwaitedChunk{.bytes = *chunk};
  }

  std::unique_ptr<BlockingSource> source_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_ALWAYS_READY_H_
