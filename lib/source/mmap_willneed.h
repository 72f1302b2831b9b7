#ifndef PAGESTALL_LIB_SOURCE_MMAP_WILLNEED_H_
#define PAGESTALL_LIB_SOURCE_MMAP_WILLNEED_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/source/always_ready.h"
#include "lib/source/mapped_file.h"
#include "lib/source/source.h"

namespace pagestall {

// A mapping of which a few chunks ahead are asked for with MADV_WILLNEED, by
// several calls for a chunk that is larger than one reads anywhere.
class MmapWillNeedSource final : public BlockingSource {
 public:
  static absl::StatusOr<std::unique_ptr<BlockingSource>> Open(
      const std::string& path, const SourceOptions& options) {
    absl::StatusOr<MappedFile> file = MappedFile::Open(path, options);
    if (!file.ok()) return file.status();
    return std::make_unique<MmapWillNeedSource>(*std::move(file), options);
  }

  MmapWillNeedSource(MappedFile file, const SourceOptions& options)
      : file_(std::move(file)), options_(options) {}

  absl::StatusOr<Chunk> Next() override {
    const Chunk chunk = file_.Next(options_.chunk_bytes);
    const uint64_t until =
        file_.offset() + options_.ahead * options_.chunk_bytes;
    while (asked_ < until) {
      const Chunk ask = file_.mapping().At(asked_, kAskBytes);
      if (ask.empty()) break;
      if (absl::Status status = AdviseWillNeed(ask); !status.ok()) {
        return status;
      }
      asked_ += ask.size();
    }
    return chunk;
  }

  absl::StatusOr<Chunk> At(uint64_t offset,
                           absl::Span<uint8_t> buffer) override {
    const Chunk chunk = file_.mapping().At(offset, buffer.size());
    if (absl::Status status = AdviseWillNeed(chunk); !status.ok()) {
      return status;
    }
    return chunk;
  }

 private:
  // Linux's usual read-ahead.
  static constexpr size_t kAskBytes = size_t{128} << 10;

  MappedFile file_;
  SourceOptions options_;
  uint64_t asked_ = 0;  // for all before it
};

using AsyncMmapWillNeedSource = AlwaysReady<MmapWillNeedSource>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_WILLNEED_H_
