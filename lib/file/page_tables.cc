#include "lib/file/page_tables.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/file/errno_status.h"

namespace pagestall {
namespace {

using Bits = KnownPages::Bits;

// linux/fs.h has these from 6.7 on; libc headers may be older than the kernel.
struct PageRegion {
  uint64_t begin;
  uint64_t end;
  uint64_t categories;
};
struct PageMapScan {
  uint64_t size;
  uint64_t flags;
  uint64_t begin;
  uint64_t end;
  uint64_t walk_end;
  uint64_t regions;
  uint64_t regions_length;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_anyof_mask;
  uint64_t return_mask;
};
constexpr uint64_t kPageIsPresent = 1 << 3;
constexpr unsigned long kPageMapScan =  // NOLINT(google-runtime-int): ioctl(2)
    _IOWR('f', 16, PageMapScan);

// An entry of the file.
constexpr uint64_t kPresent = uint64_t{1} << 63;

uint64_t PageBytes() {
  static const uint64_t bytes = sysconf(_SC_PAGESIZE);
  return bytes;
}

uint64_t CountPages(absl::Span<const uint8_t> bytes) {
  return std::min<uint64_t>((bytes.size() + PageBytes() - 1) / PageBytes(),
                            KnownPages::kChunkPages);
}

}  // namespace

absl::StatusOr<PageTables> PageTables::Open() {
  absl::StatusOr<File> file = File::Open("/proc/self/pagemap", O_RDONLY);
  if (!file.ok()) return file.status();
  return PageTables(*std::move(file));
}

absl::StatusOr<Bits> PageTables::FindMapped(
    absl::Span<const uint8_t> bytes) const {
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  std::array<PageRegion, KnownPages::kChunkPages / 2> regions;
  PageMapScan scan{.size = sizeof scan,
                   .flags = 0,
                   .begin = begin,
                   .end = begin + CountPages(bytes) * PageBytes(),
                   .walk_end = 0,
                   .regions = reinterpret_cast<uintptr_t>(regions.data()),
                   .regions_length = regions.size(),
                   .max_pages = 0,
                   .category_inverted = 0,
                   .category_mask = kPageIsPresent,
                   .category_anyof_mask = 0,
                   .return_mask = kPageIsPresent};
  const int count = ioctl(file_.fd(), kPageMapScan, &scan);
  if (count < 0) return ReadMapped(bytes);
  Bits mapped{};
  for (int i = 0; i < count; ++i) {
    const uint64_t first = (regions[i].begin - begin) / PageBytes();
    const uint64_t last = (regions[i].end - begin) / PageBytes();
    for (uint64_t page = first; page < last;) {
      const uint64_t step = std::min(last - page, 64 - page % 64);
      const uint64_t ones =
          step == 64 ? ~uint64_t{0} : (uint64_t{1} << step) - 1;
      mapped[page / 64] |= ones << page % 64;
      page += step;
    }
  }
  return mapped;
}

absl::StatusOr<Bits> PageTables::ReadMapped(
    absl::Span<const uint8_t> bytes) const {
  std::array<uint64_t, KnownPages::kChunkPages> entries;
  const uint64_t first =
      reinterpret_cast<uintptr_t>(bytes.data()) / PageBytes();
  const auto wanted = absl::MakeSpan(reinterpret_cast<uint8_t*>(entries.data()),
                                     CountPages(bytes) * sizeof entries[0]);
  const absl::StatusOr<size_t> read =
      file_.Read(wanted, first * sizeof entries[0]);
  if (!read.ok()) return read.status();
  Bits mapped{};
  for (size_t page = 0; page < *read / sizeof entries[0]; ++page) {
    if ((entries[page] & kPresent) != 0) {
      mapped[page / 64] |= uint64_t{1} << page % 64;
    }
  }
  return mapped;
}

}  // namespace pagestall
