#include "lib/file/mapping.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/lost_bytes.h"
#include "lib/file/survives.h"

namespace pagestall {
namespace {

// EINVAL is that of an advice which the kernel, or its configuration, does not
// know, since the bytes are those of a mapping; other errors are of the bytes.
absl::Status AdviceStatus(int error_number, absl::string_view operation) {
  const absl::Status status = ErrnoStatus(error_number, operation);
  return error_number == EINVAL ? absl::UnimplementedError(status.message())
                                : status;
}

absl::Status Advise(absl::Span<const uint8_t> bytes, int advice,
                    absl::string_view operation) {
  if (bytes.empty()) return absl::OkStatus();
  while (madvise(const_cast<uint8_t*>(bytes.data()), bytes.size(), advice) !=
         0) {
    if (errno != EINTR && errno != EAGAIN) {
      return AdviceStatus(errno, operation);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AdviseSequential(absl::Span<const uint8_t> bytes) {
  return Advise(bytes, MADV_SEQUENTIAL, "madvise(MADV_SEQUENTIAL)");
}

absl::Status AdviseRandom(absl::Span<const uint8_t> bytes) {
  return Advise(bytes, MADV_RANDOM, "madvise(MADV_RANDOM)");
}

absl::Status AdviseHugePages(absl::Span<const uint8_t> bytes) {
  return Advise(bytes, MADV_HUGEPAGE, "madvise(MADV_HUGEPAGE)");
}

absl::Status AdviseWillNeed(absl::Span<const uint8_t> bytes) {
  return Advise(bytes, MADV_WILLNEED, "madvise(MADV_WILLNEED)");
}

absl::Status PopulateRead(absl::Span<const uint8_t> bytes) {
  return Advise(bytes, kMadvisePopulateRead, "madvise(MADV_POPULATE_READ)");
}

absl::Status Collapse(absl::Span<const uint8_t> bytes) {
  constexpr int kCollapse = 25;  // newer than some C libraries' headers
  if (bytes.empty() || madvise(const_cast<uint8_t*>(bytes.data()), bytes.size(),
                               kCollapse) == 0) {
    return absl::OkStatus();
  }
  // What could not be collapsed now, is not (madvise(2)).
  if (errno == EAGAIN || errno == EBUSY || errno == ENOMEM || errno == EINTR) {
    return absl::OkStatus();
  }
  return AdviceStatus(errno, "madvise(MADV_COLLAPSE)");
}

absl::Status LockOnFault(absl::Span<const uint8_t> bytes) {
  const int result = AskedFirst<SYS_mlock2>(
      [&] { return mlock2(bytes.data(), bytes.size(), MLOCK_ONFAULT); });
  if (result == 0) return absl::OkStatus();
  // ENOMEM and EAGAIN are about the limit as well, or about how many parts the
  // process's memory has (mlock(2)).
  return absl::ResourceExhaustedError(
      absl::StrCat("lock ", bytes.size(),
                   " bytes in memory: ", std::generic_category().message(errno),
                   "; raise RLIMIT_MEMLOCK (ulimit -l), or if it is not met "
                   "the sysctl vm.max_map_count"));
}

void Unlock(absl::Span<const uint8_t> bytes) {
  // Not munlock(): the sanitizers make that do nothing.
  syscall(SYS_munlock, bytes.data(), bytes.size());
}

int Mincore(absl::Span<const uint8_t> bytes, unsigned char* pages) {
  return AskedFirstIfPossible<SYS_mincore>([&] {
    return mincore(const_cast<uint8_t*>(bytes.data()), bytes.size(), pages);
  });
}

absl::StatusOr<size_t> CountReadyBytes(absl::Span<const uint8_t> bytes) {
  static const size_t page_bytes = sysconf(_SC_PAGESIZE);
  // In steps, for the kernel would look at all of it however early one misses.
  std::array<unsigned char, 1024> pages;
  for (size_t done = 0; done < bytes.size();) {
    const auto step = bytes.subspan(done, pages.size() * page_bytes);
    if (Mincore(step, pages.data()) != 0) return ErrnoStatus(errno, "mincore");
    const size_t count = (step.size() + page_bytes - 1) / page_bytes;
    const auto* const missing =
        std::find_if(pages.begin(), pages.begin() + count,
                     [](unsigned char page) { return (page & 1) == 0; });
    done += (missing - pages.begin()) * page_bytes;
    if (missing != pages.begin() + count) return done;
  }
  return bytes.size();
}

absl::StatusOr<Mapping> Mapping::Map(const File& file) {
  return Map(file, MAP_SHARED);
}

absl::StatusOr<Mapping> Mapping::MapPopulated(const File& file) {
  return Map(file, MAP_SHARED | MAP_POPULATE);
}

absl::StatusOr<Mapping> Mapping::Map(const File& file, int flags) {
  absl::StatusOr<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  if (*size == 0) return Mapping({});
  void* address = mmap(nullptr, *size, PROT_READ, flags, file.fd(), 0);
  if (address == MAP_FAILED) return ErrnoStatus(errno, "mmap", file.path());
  const auto bytes =
      absl::MakeConstSpan(static_cast<const uint8_t*>(address), *size);
  ForgetLostBytes(bytes);
  return Mapping(bytes);
}

Mapping::~Mapping() {
  if (!bytes_.empty()) {
    ForgetLostBytes(bytes_);
    munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
  }
}

}  // namespace pagestall
