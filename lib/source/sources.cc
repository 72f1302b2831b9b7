#include "lib/source/sources.h"

#include "absl/strings/str_cat.h"
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
       .openers = &kOpeners<MmapSource::Open, AsyncMmapSource::Open>},
      {.name = "read",
       .words = "reads by a thread pool",
       .uses_buffer = true,
       .openers = &kOpeners<ReadSource::Open, AsyncReadSource::Open>},
      {.name = "read_nowait",
       .words = "reads what is cached at once, the rest by a thread pool",
       .uses_buffer = true,
       .can_yield = true,
       .openers = &kAsyncOpener<ReadNoWaitSource::Open>},
      {.name = "uring",
       .words = "reads by io_uring",
       .uses_buffer = true,
       .openers = &kAsyncOpener<UringSource::Open>},
      {.name = "uring_direct",
       .words = "reads by io_uring around the page cache (O_DIRECT)",
       .chunk_bytes = kMib,
       .ahead = 3,
       .openers = &kAsyncOpener<UringDirectSource::Open>},
      {.name = "uncached",
       .words = "reads by io_uring that leave nothing in the page cache",
       .uses_buffer = true,
       .openers = &kAsyncOpener<UncachedSource::Open>},
      {.name = "mmap_pool",
       .words = "the mapping, summed on a thread pool",
       .chunk_bytes = kMib,
       .openers = &kAsyncOpener<MmapPoolSource::Open>},
      {.name = "mmap_gated",
       .words = "the mapping, on the executor where it is in memory, else on a "
                "thread pool",
       .can_yield = true,
       .chunk_bytes = kMib,
       .openers = &kAsyncOpener<MmapGatedSource::Open>},
      {.name = "mmap_willneed",
       .words = "the mapping, with MADV_WILLNEED ahead",
       .can_yield = true,
       .chunk_bytes = kMib / 4,
       .ahead = 16,
       .openers =
           &kOpeners<MmapWillNeedSource::Open, AsyncMmapWillNeedSource::Open>},
      {.name = "mmap_populate_pool",
       .words = "the mapping, brought in by a thread pool (MADV_POPULATE_READ)",
       .chunk_bytes = 2 * kMib,
       .openers = &kAsyncOpener<MmapPopulatePoolSource::Open>},
      {.name = "mmap_awaited",
       .words = "the mapping, each range awaited before it is touched",
       .can_yield = true,
       .chunk_bytes = 2 * kMib,
       .ahead = 2,
       .openers = &kAsyncOpener<MmapAwaitedSource::Open>},
  };
  return kSources;
}

std::string OptionAxes(const Source& source, const SourceOptions& options) {
  std::string axes;
  if (source.uses_buffer) {
    absl::StrAppend(&axes, "/buffer_kib:", options.buffer_bytes >> 10);
  }
  if (source.chunk_bytes > 0) {
    absl::StrAppend(&axes, "/chunk_kib:", options.chunk_bytes >> 10);
  }
  if (source.ahead > 0) absl::StrAppend(&axes, "/ahead:", options.ahead);
  return axes;
}

}  // namespace pagestall
