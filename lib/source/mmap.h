#ifndef PAGESTALL_LIB_SOURCE_MMAP_H_
#define PAGESTALL_LIB_SOURCE_MMAP_H_

#include <fcntl.h>

#include <memory>
#include <string>
#include <utility>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/source/always_ready.h"
#include "lib/source/source.h"

namespace pagestall {

// The whole file as one chunk of mapped memory. Next() costs nothing: the pages
// are read when, and by the thread that, the chunk is touched.
class MmapSource final : public BlockingSource {
 public:
  static absl::StatusOr<std::unique_ptr<BlockingSource>> Open(
      const std::string& path, const SourceOptions& /*options*/) {
    absl::StatusOr<File> file = File::Open(path, O_RDONLY);
    if (!file.ok()) return file.status();
    absl::StatusOr<Mapping> mapping = Mapping::Map(*file);
    if (!mapping.ok()) return mapping.status();
    return std::make_unique<MmapSource>(*std::move(mapping));
  }

  explicit MmapSource(Mapping mapping)
      : mapping_(std::move(mapping)), rest_(mapping_.bytes()) {}

  absl::StatusOr<Chunk> Next() override { return std::exchange(rest_, {}); }

 private:
  Mapping mapping_;
  Chunk rest_;
};

using AsyncMmapSource = AlwaysReady<MmapSource>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_MMAP_H_
