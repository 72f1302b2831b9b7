#ifndef PAGESTALL_LIB_SOURCE_OFFLOADED_H_
#define PAGESTALL_LIB_SOURCE_OFFLOADED_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/source/offload.h"
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
    return std::make_unique<Offloaded>(*std::move(source),
                                       environment.pool().next());
  }

  Offloaded(std::unique_ptr<BlockingSource> source,
            asio::io_context::executor_type worker)
      : source_(std::move(source)), worker_(std::move(worker)) {}

  asio::awaitable<absl::StatusOr<Chunk>> Next() override {
    return Offload(worker_, [this] { return source_->Next(); });
  }

 private:
  std::unique_ptr<BlockingSource> source_;
  asio::io_context::executor_type worker_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_OFFLOADED_H_
