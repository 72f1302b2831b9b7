#include "lib/source/table.h"

#include "lib/source/mmap.h"
#include "lib/source/mmap_awaited.h"
#include "lib/source/mmap_gated.h"
#include "lib/source/mmap_pool.h"
#include "lib/source/mmap_populate_pool.h"
#include "lib/source/mmap_willneed.h"
#include "lib/source/read.h"
#include "lib/source/read_nowait.h"
#include "lib/source/uncached.h"
#include "lib/source/uring.h"
#include "lib/source/uring_direct.h"

namespace pagestall {
namespace {

constexpr size_t kMib = 1 << 20;

}  // namespace

absl::Span<const Source> Sources() {
  static constexpr Source kSources[] = {
      {.name = "mmap",
       .can_yield = true,
       .open_blocking = MmapSource::Open,
       .open_async = AsyncMmapSource::Open},
      {.name = "read",
       .uses_buffer = true,
       .open_blocking = ReadSource::Open,
       .open_async = AsyncReadSource::Open},
      {.name = "read_nowait",
       .uses_buffer = true,
       .can_yield = true,
       .open_async = ReadNoWaitSource::Open},
      {.name = "uring", .uses_buffer = true, .open_async = UringSource::Open},
      {.name = "uring_direct",
       .chunk_bytes = kMib,
       .ahead = 3,
       .open_async = UringDirectSource::Open},
      {.name = "uncached",
       .uses_buffer = true,
       .open_async = UncachedSource::Open},
      {.name = "mmap_pool",
       .chunk_bytes = kMib,
       .open_async = MmapPoolSource::Open},
      {.name = "mmap_gated",
       .can_yield = true,
       .chunk_bytes = kMib,
       .open_async = MmapGatedSource::Open},
      {.name = "mmap_willneed",
       .can_yield = true,
       .chunk_bytes = kMib / 4,
       .ahead = 16,
       .open_blocking = MmapWillNeedSource::Open,
       .open_async = AsyncMmapWillNeedSource::Open},
      {.name = "mmap_populate_pool",
       .chunk_bytes = 2 * kMib,
       .open_async = MmapPopulatePoolSource::Open},
      {.name = "mmap_awaited",
       .can_yield = true,
       .chunk_bytes = 2 * kMib,
       .ahead = 2,
       .open_async = MmapAwaitedSource::Open},
  };
  return kSources;
}

}  // namespace pagestall
