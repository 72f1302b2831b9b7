#include "lib/source/table.h"

#include "lib/source/mmap.h"
#include "lib/source/read.h"

namespace pagestall {

absl::Span<const Source> Sources() {
  static constexpr Source kSources[] = {
      {"mmap", false, true, MmapSource::Open, AsyncMmapSource::Open},
      {"read", true, false, ReadSource::Open, AsyncReadSource::Open},
  };
  return kSources;
}

}  // namespace pagestall
