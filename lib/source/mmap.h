#ifndef PAGESTALL_LIB_SOURCE_MMAP_H_
#define PAGESTALL_LIB_SOURCE_MMAP_H_

#include <memory>
#include <string>
#include <utility>

#include "lib/source/always_ready.h"
#include "lib/source/mapped_file.h"
#include "lib/source/source.h"

namespace pagestall {

// The whole file as one chunk of mapped memory. Next() costs nothing: the pages
// are read when, and by the thread that, the chunk is touched.
class MmapSource final : public BlockingSource {
 public:
  static absl::StatusOr<std::unique_ptr<BlockingSource>> Open(
      const std::string& path, const SourceOptions& options) {
    absl::StatusOr<MappedFile> file = MappedFile::Open(path, options);
    if (!file.ok()) return file.status();
    return std::make_unique<MmapSource>(*std::move(file));
  }

  explicit MmapSource(MappedFile file) : file_(std::move(file)) {}

  absl::StatusOr<Chunk> Next() override {
    return file_.Next(file_.mapping().bytes().size());
  }

  absl::StatusOr<Chunk> At(uint64_t offset,
                           absl::Span<uint8_t> buffer) override {
    return file_.mapping().At(offset, buffer.size());
  }

 private:
  MappedFile file_;
};

using AsyncMmapSource = AlwaysReady<MmapSource>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_H_
