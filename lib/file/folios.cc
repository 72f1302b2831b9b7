#include "lib/file/folios.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "lib/file/mapping.h"

namespace pagestall {
namespace {

// Entries of pagemap, and bits of kpageflags.
constexpr uint64_t kFrameMask = (uint64_t{1} << 55) - 1;
constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kCompoundTail = uint64_t{1} << 16;

// Of /proc files that are arrays of 64-bit words.
absl::StatusOr<std::vector<uint64_t>> ReadWords(const File& file,
                                                uint64_t first, size_t count) {
  std::vector<uint64_t> words(count);
  absl::StatusOr<size_t> read = file.Read(
      absl::MakeSpan(reinterpret_cast<uint8_t*>(words.data()), count * 8),
      first * 8);
  if (!read.ok()) return read.status();
  words.resize(*read / 8);
  return words;
}

// The lengths of the stretches of physical memory, in order, are what makes a
// few reads of many.
size_t LengthOfRun(const std::vector<uint64_t>& entries, size_t begin) {
  size_t length = 1;
  while (begin + length < entries.size() &&
         (entries[begin + length] & kPresent) != 0 &&
         (entries[begin + length] & kFrameMask) ==
             (entries[begin] & kFrameMask) + length) {
    ++length;
  }
  return length;
}

}  // namespace

absl::StatusOr<Folios> CountFolios(const File& file) {
  absl::StatusOr<File> pagemap = File::Open("/proc/self/pagemap", O_RDONLY);
  if (!pagemap.ok()) return pagemap.status();
  absl::StatusOr<File> flags = File::Open("/proc/kpageflags", O_RDONLY);
  if (absl::IsNotFound(flags.status())) {  // CONFIG_PROC_PAGE_MONITOR
    return absl::UnimplementedError(flags.status().message());
  }
  if (!flags.ok()) return flags.status();
  absl::StatusOr<Mapping> mapping = Mapping::MapPopulated(file);
  if (!mapping.ok()) return mapping.status();
  const uint64_t page_bytes = sysconf(_SC_PAGESIZE);
  const absl::StatusOr<std::vector<uint64_t>> entries = ReadWords(
      *pagemap,
      reinterpret_cast<uintptr_t>(mapping->bytes().data()) / page_bytes,
      (mapping->bytes().size() + page_bytes - 1) / page_bytes);
  if (!entries.ok()) return entries.status();
  Folios counted;
  for (size_t page = 0; page < entries->size();) {
    const uint64_t frame = (*entries)[page] & kFrameMask;
    if (((*entries)[page] & kPresent) == 0) {
      ++page;
      continue;
    }
    if (frame == 0) {
      return absl::PermissionDeniedError(
          "/proc/self/pagemap hides frames; run as root");
    }
    const absl::StatusOr<std::vector<uint64_t>> run =
        ReadWords(*flags, frame, LengthOfRun(*entries, page));
    if (!run.ok()) return run.status();
    counted.pages += run->size();
    counted.folios += std::count_if(
        run->begin(), run->end(),
        [](uint64_t flag) { return (flag & kCompoundTail) == 0; });
    page += std::max<size_t>(run->size(), 1);
  }
  return counted;
}

}  // namespace pagestall
