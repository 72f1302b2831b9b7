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
    AdviceToGive advice(options.advice);
    absl::Status status = advice.AtOpen(file->file(), &file->mapping());
    if (!status.ok()) return status;
    return std::make_unique<MmapSource>(*std::move(file), advice);
  }

  MmapSource(MappedFile file, AdviceToGive advice)
      : file_(std::move(file)), advice_(advice) {}

  absl::StatusOr<Chunk> Next() override {
    absl::Status status =
        advice_.WithFirstBytes(file_.file(), &file_.mapping());
    if (!status.ok()) return status;
    return file_.Next(file_.mapping().bytes().size());
  }

  absl::StatusOr<Chunk> At(uint64_t offset,
                           absl::Span<uint8_t> buffer) override {
    return file_.mapping().At(offset, buffer.size());
  }

 private:
  MappedFile file_;
  AdviceToGive advice_;
};

using AsyncMmapSource = AlwaysReady<MmapSource>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_H_
