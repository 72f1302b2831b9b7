#ifndef PAGESTALL_LIB_SOURCE_OFFLOADED_H_
#define PAGESTALL_LIB_SOURCE_OFFLOADED_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/source/source.h"

namespace pagestall {

// A blocking source behind a thread pool: each chunk is a task for the pool,
// which sleeps in the executor's place.
template <typename Blocking>
class Offloaded final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) {
    absl::StatusOr<std::unique_ptr<BlockingSource>> source =
        Blocking::Open(path, options);
    if (!source.ok()) return source.status();
    return std::make_unique<Offloaded>(*std::move(source), environment.pool());
  }

  Offloaded(std::unique_ptr<BlockingSource> source, BlockingPool& pool)
      : source_(std::move(source)), pool_(pool) {}

  asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() override {
    return OnPool([this] { return source_->Next(); });
  }

  asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, SharedBuffer buffer) override {
    return OnPool(
        [this, offset, buffer] { return source_->At(offset, buffer.bytes()); });
  }

 private:
  template <typename Call>
  asio::awaitable<absl::StatusOr<AwaitedChunk>> OnPool(Call call) {
    return pool_.Run([call]() -> absl::StatusOr<AwaitedChunk> {
      absl::StatusOr<Chunk> chunk = call();
      if (!chunk.ok()) return chunk.status();
      return AwaitedChunk{.bytes = *chunk};
    });
  }

  std::unique_ptr<BlockingSource> source_;
  BlockingPool& pool_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_OFFLOADED_H_
