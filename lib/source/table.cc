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
       .words = "touches the mapping on the executor: the hazard",
       .can_yield = true,
       .open_blocking = MmapSource::Open,
       .open_async = AsyncMmapSource::Open},
      {.name = "read",
       .words = "reads by a thread pool",
       .uses_buffer = true,
       .open_blocking = ReadSource::Open,
       .open_async = AsyncReadSource::Open},
      {.name = "read_nowait",
       .words = "reads what is cached at once, the rest by a thread pool",
       .uses_buffer = true,
       .can_yield = true,
       .open_async = ReadNoWaitSource::Open},
      {.name = "uring",
       .words = "reads by io_uring",
       .uses_buffer = true,
       .open_async = UringSource::Open},
      {.name = "uring_direct",
       .words = "reads by io_uring around the page cache (O_DIRECT)",
       .chunk_bytes = kMib,
       .ahead = 3,
       .open_async = UringDirectSource::Open},
      {.name = "uncached",
       .words = "reads by io_uring that leave nothing in the page cache",
       .uses_buffer = true,
       .open_async = UncachedSource::Open},
      {.name = "mmap_pool",
       .words = "the mapping, summed on a thread pool",
       .chunk_bytes = kMib,
       .open_async = MmapPoolSource::Open},
      {.name = "mmap_gated",
       .words = "the mapping, on the executor where it is in memory, else on a "
                "thread pool",
       .can_yield = true,
       .chunk_bytes = kMib,
       .open_async = MmapGatedSource::Open},
      {.name = "mmap_willneed",
       .words = "the mapping, with MADV_WILLNEED ahead",
       .can_yield = true,
       .chunk_bytes = kMib / 4,
       .ahead = 16,
       .open_blocking = MmapWillNeedSource::Open,
       .open_async = AsyncMmapWillNeedSource::Open},
      {.name = "mmap_populate_pool",
       .words = "the mapping, brought in by a thread pool (MADV_POPULATE_READ)",
       .chunk_bytes = 2 * kMib,
       .open_async = MmapPopulatePoolSource::Open},
      {.name = "mmap_awaited",
       .words = "the mapping, each range awaited before it is touched",
       .can_yield = true,
       .chunk_bytes = 2 * kMib,
       .ahead = 2,
       .open_async = MmapAwaitedSource::Open},
  };
  return kSources;
}

}  // namespace pagestall
