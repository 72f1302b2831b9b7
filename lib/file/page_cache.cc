#include "lib/file/page_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lib/file/errno_status.h"
#include "lib/file/mapping.h"
#include "lib/file/survives.h"

namespace pagestall {
namespace {

// linux/mman.h has these from 6.5 on; libc headers may be older than the
// kernel. The number is the same on every architecture but alpha.
constexpr int kSysCachestat = 451;
struct CachestatRange {
  uint64_t offset;
  uint64_t length;
};
struct Cachestat {
  uint64_t cache;
  uint64_t dirty;
  uint64_t writeback;
  uint64_t evicted;
  uint64_t recently_evicted;
};

// A length of 0 means up to the end.
int CallCachestat(const File& file, CachestatRange range, Cachestat& counts) {
  return static_cast<int>(AskedFirst<kSysCachestat>(
      [&] { return syscall(kSysCachestat, file.fd(), &range, &counts, 0u); }));
}

absl::StatusOr<uint64_t> CountByMincore(const File& file, uint64_t total) {
  absl::StatusOr<Mapping> mapping = Mapping::Map(file);
  if (!mapping.ok()) return mapping.status();
  std::vector<unsigned char> pages(total);
  if (Mincore(mapping->bytes(), pages.data()) != 0) {
    const bool refused = errno == ENOSYS || errno == EPERM;
    return ErrnoStatus(errno, "mincore", file.path(),
                       refused ? "a sandbox that forbids it must allow "
                                 "cachestat, from Linux 6.5 on"
                               : "");
  }
  return std::count_if(pages.begin(), pages.end(),
                       [](unsigned char page) { return (page & 1) != 0; });
}

}  // namespace

bool MincoreTellsTruth(const File& file) {
  struct stat status;
  if (fstat(file.fd(), &status) != 0) return false;
  if (status.st_uid == geteuid()) return true;
  const std::string path = absl::StrCat("/proc/self/fd/", file.fd());
  return AskedFirst<SYS_faccessat2>([&] {
           return faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS);
         }) == 0;
}

absl::StatusOr<bool> AllCached(const File& file, uint64_t offset,
                               uint64_t size) {
  if (size == 0) return true;
  static const uint64_t page_bytes = sysconf(_SC_PAGESIZE);
  Cachestat counts{};
  if (CallCachestat(file, {.offset = offset, .length = size}, counts) != 0) {
    return ErrnoStatus(errno, "cachestat", file.path());
  }
  const uint64_t first = offset / page_bytes;
  const uint64_t last = (offset + size - 1) / page_bytes;
  return counts.cache == last - first + 1;
}

absl::StatusOr<PageCount> FindPageCount(const File& file) {
  uint8_t byte;
  const absl::StatusOr<size_t> read = file.Read(absl::MakeSpan(&byte, 1), 0);
  if (!read.ok()) return read.status();
  for (const PageCount by : {PageCount::kCachestat, PageCount::kMincore}) {
    const absl::StatusOr<Residency> residency = CountResident(file, by);
    if (!residency.ok()) return residency.status();
    if (*read == 0 || !residency->none()) return by;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "count cached pages of ", QuotedPath(file.path()),
      ": the kernel shows none right after a read, neither by cachestat nor by "
      "mincore; pass --data_dir with a directory on a file system of its own, "
      "in a container a volume"));
}

absl::StatusOr<Residency> CountResident(const File& file, PageCount by) {
  absl::StatusOr<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  const uint64_t page_bytes = sysconf(_SC_PAGESIZE);
  Residency residency{.total = (*size + page_bytes - 1) / page_bytes};
  if (residency.total == 0) return residency;

  if (by == PageCount::kCachestat) {
    Cachestat counts{};
    if (CallCachestat(file, {.offset = 0, .length = 0}, counts) == 0) {
      residency.resident = counts.cache;
      return residency;
    }
    // A seccomp filter that does not know the call answers EPERM as well.
    if (errno != ENOSYS && errno != EPERM) {
      return ErrnoStatus(errno, "cachestat", file.path());
    }
  }
  if (!MincoreTellsTruth(file)) {
    return ErrnoStatus(EPERM, "count cached pages of", file.path(),
                       "use a file that you own or may write");
  }
  absl::StatusOr<uint64_t> resident = CountByMincore(file, residency.total);
  if (!resident.ok()) return resident.status();
  residency.resident = *resident;
  return residency;
}

absl::Status Evict(const File& file) {
  absl::Status status = file.SyncData();
  return status.ok() ? EvictRange(file, 0, 0) : status;
}

absl::Status EvictRange(const File& file, uint64_t offset, uint64_t size) {
  if (const int error =
          posix_fadvise(file.fd(), static_cast<off_t>(offset),
                        static_cast<off_t>(size), POSIX_FADV_DONTNEED)) {
    return ErrnoStatus(error, "posix_fadvise", file.path());
  }
  return absl::OkStatus();
}

absl::Status DropAllPages() {
  static constexpr char kPath[] = "/proc/sys/vm/drop_caches";
  absl::StatusOr<File> control = File::Open(kPath, O_WRONLY);
  if (!control.ok()) {
    return absl::Status(control.status().code(),
                        absl::StrCat(control.status().message(),
                                     "; run as root or pass --evict=fadvise"));
  }
  sync();  // dirty pages are kept
  static constexpr uint8_t kPageCache[] = {'1', '\n'};
  return control->Write(kPageCache, 0);
}

absl::Status LivesInMemory(const File& file) {
  return absl::UnimplementedError(absl::StrCat(
      "evict ", QuotedPath(file.path()),
      ": this file system lives in memory and cannot be cold; pass "
      "--data_dir with a directory on a disk"));
}

absl::Status CheckEvictable(const File& file) {
  struct statfs status;
  if (fstatfs(file.fd(), &status) != 0) {
    return ErrnoStatus(errno, "statfs", file.path());
  }
  if (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC) {
    return LivesInMemory(file);
  }
  return absl::OkStatus();
}

}  // namespace pagestall
