#ifndef PAGESTALL_LIB_SOURCE_ALWAYS_READY_H_
#define PAGESTALL_LIB_SOURCE_ALWAYS_READY_H_

#include <algorithm>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <utility>

#include "lib/source/source.h"

namespace pagestall {

// A blocking source in an async source's clothes: its await is always ready.
// Whatever sleep the source needs, the executor's thread sleeps it. With
// SourceOptions::yield_bytes it hands out no more than that at once and lets
// the executor run others before the next; otherwise it never does.
template <typename Blocking>
class AlwaysReady final : public AsyncSource {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncSource>> Open(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& /*environment*/) {
    absl::StatusOr<std::unique_ptr<BlockingSource>> source =
        Blocking::Open(path, options);
    if (!source.ok()) return source.status();
    return std::make_unique<AlwaysReady>(*std::move(source),
                                         options.yield_bytes);
  }

  AlwaysReady(std::unique_ptr<BlockingSource> source, size_t yield_bytes)
      : source_(std::move(source)), yield_bytes_(yield_bytes) {}

  asio::awaitable<absl::StatusOr<Chunk>> Next() override {
    if (yield_bytes_ == 0) co_return source_->Next();
    if (begun_) co_await asio::post(asio::use_awaitable);
    begun_ = true;
    if (rest_.empty()) {
      absl::StatusOr<Chunk> chunk = source_->Next();
      if (!chunk.ok()) co_return chunk.status();
      rest_ = *chunk;
    }
    const Chunk next = rest_.first(std::min(yield_bytes_, rest_.size()));
    rest_.remove_prefix(next.size());
    co_return next;
  }

 private:
  std::unique_ptr<BlockingSource> source_;
  size_t yield_bytes_;
  bool begun_ = false;
  Chunk rest_;  // of the blocking source's last chunk
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_ALWAYS_READY_H_
