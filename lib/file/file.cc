#include "lib/file/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/survives.h"
#include "lib/file/uncancelled.h"

namespace pagestall {
namespace {

// linux/stat.h has these from 6.1 on; libc headers may be older than the
// kernel. The structure's size is fixed (statx(2)), of which this is a part.
constexpr unsigned kStatxDioAlign = 0x2000;
struct StatxDio {
  uint32_t mask;
  uint32_t unused[37];
  uint32_t memory_align;
  uint32_t offset_align;
  uint32_t rest[24];
};
static_assert(sizeof(StatxDio) == 256);
static_assert(offsetof(StatxDio, memory_align) == 0x98);

int Statx(int fd, int flags, unsigned mask, struct statx* status) {
  return AskedFirst<SYS_statx>(
      [&] { return statx(fd, "", AT_EMPTY_PATH | flags, mask, status); });
}

ssize_t ReadOnce(int fd, const struct iovec& into, uint64_t offset, int flags) {
  const auto at = static_cast<off_t>(offset);
  // What every sandbox knows, where it will do.
  if (flags == 0) return pread(fd, into.iov_base, into.iov_len, at);
  return AskedFirst<SYS_preadv2>(
      [&] { return preadv2(fd, &into, 1, at, flags); });
}

constexpr char kNoDirect[] = "this file system has no O_DIRECT";

}  // namespace

absl::StatusOr<File> File::Open(std::string path, int flags, mode_t mode) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  return File(fd, std::move(path));
}

absl::StatusOr<File> File::OpenDirect(const std::string& path) {
  absl::StatusOr<File> file = Open(path, O_RDONLY | O_DIRECT);
  if (!absl::IsInvalidArgument(file.status())) return file;
  return absl::UnimplementedError(
      absl::StrCat("open ", QuotedPath(path), ": ", kNoDirect));
}

absl::StatusOr<File> File::OpenRegular(const std::string& path) {
  absl::StatusOr<File> file = Open(path, O_RDONLY | O_NONBLOCK);
  if (!file.ok()) return file;
  struct stat status;
  if (fstat(file->fd(), &status) != 0) return ErrnoStatus(errno, "stat", path);
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "open ", QuotedPath(path), ": it is ",
        S_ISDIR(status.st_mode) ? "a directory" : "no regular file",
        "; name a regular file"));
  }
  // Reads are to wait.
  if (fcntl(file->fd(), F_SETFL, 0) != 0) {
    return ErrnoStatus(errno, "fcntl", path);
  }
  return file;
}

File::~File() {
  if (fd_ < 0) return;
  const Uncancelled here;
  close(fd_);
}

absl::StatusOr<uint64_t> File::Size() const {
  struct stat status;
  if (fstat(fd_, &status) != 0) return ErrnoStatus(errno, "stat", path_);
  return static_cast<uint64_t>(status.st_size);
}

absl::StatusOr<uint64_t> File::SizeKnown() const {
  struct statx status;
  if (Statx(fd_, AT_STATX_DONT_SYNC, STATX_SIZE, &status) != 0) return Size();
  return status.stx_size;
}

bool File::ReadsWithoutWait() const {
  const absl::StatusOr<uint64_t> size = SizeKnown();
  if (!size.ok()) return false;
  // Where the file ends, it is answered without a read.
  uint8_t byte;
  const struct iovec none = {&byte, 1};
  return ReadOnce(fd_, none, *size, RWF_NOWAIT) >= 0 || errno == EAGAIN ||
         errno == EINTR;
}

absl::StatusOr<size_t> File::Read(absl::Span<uint8_t> buffer, uint64_t offset,
                                  int flags) const {
  size_t done = 0;
  while (done < buffer.size()) {
    const struct iovec rest = {buffer.data() + done, buffer.size() - done};
    const ssize_t count = ReadOnce(fd_, rest, offset + done, flags);
    if (count == 0) break;
    if (count > 0) {
      done += static_cast<size_t>(count);
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, absl::StrCat("read at byte ", offset + done),
                         path_);
    }
  }
  return done;
}

absl::StatusOr<size_t> File::ReadCached(absl::Span<uint8_t> buffer,
                                        uint64_t offset) const {
  const struct iovec all = {buffer.data(), buffer.size()};
  ssize_t count;
  do {
    count = ReadOnce(fd_, all, offset, RWF_NOWAIT);
  } while (count < 0 && errno == EINTR);
  if (count >= 0) return static_cast<size_t>(count);
  if (errno == EAGAIN) return 0;
  return ErrnoStatus(errno, absl::StrCat("read cached bytes at ", offset),
                     path_);
}

absl::Status File::Advise(int advice) const {
  const int error = posix_fadvise(fd_, 0, 0, advice);
  if (error != 0) return ErrnoStatus(error, "posix_fadvise", path_);
  return absl::OkStatus();
}

absl::Status File::AdviseWillNeed(uint64_t offset, uint64_t size) const {
  const int error =
      posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(size),
                    POSIX_FADV_WILLNEED);
  if (error != 0) return ErrnoStatus(error, "posix_fadvise", path_);
  return absl::OkStatus();
}

absl::Status File::ReadAhead(uint64_t offset, uint64_t size) const {
  if (readahead(fd_, static_cast<off64_t>(offset), size) == 0) {
    return absl::OkStatus();
  }
  return ErrnoStatus(errno, "readahead", path_);
}

absl::StatusOr<size_t> File::DirectAlignment() const {
  StatxDio status{};
  if (Statx(fd_, 0, kStatxDioAlign, reinterpret_cast<struct statx*>(&status)) !=
          0 ||
      (status.mask & kStatxDioAlign) == 0) {
    return static_cast<size_t>(sysconf(_SC_PAGESIZE));
  }
  if (status.offset_align == 0) {
    return absl::UnimplementedError(
        absl::StrCat("read ", QuotedPath(path_), ": ", kNoDirect));
  }
  return std::max<size_t>(
      {status.offset_align, status.memory_align, alignof(std::max_align_t)});
}

absl::Status File::Write(absl::Span<const uint8_t> bytes,
                         uint64_t offset) const {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = pwrite(fd_, bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(offset + done));
    if (count >= 0) {
      done += static_cast<size_t>(count);
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, absl::StrCat("write at byte ", offset + done),
                         path_);
    }
  }
  return absl::OkStatus();
}

absl::Status File::Truncate(uint64_t size) const {
  return Uninterrupted(
      "truncate", [&] { return ftruncate(fd_, static_cast<off_t>(size)); });
}

absl::Status File::Sync() const {
  return Uninterrupted("fsync", [&] { return fsync(fd_); });
}

absl::Status File::SyncData() const {
  return Uninterrupted("fdatasync", [&] { return fdatasync(fd_); });
}

absl::StatusOr<bool> File::TryLock(bool shared) const {
  while (flock(fd_, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return ErrnoStatus(errno, "flock", path_);
  }
  return true;
}

absl::Status File::Uninterrupted(const char* operation,
                                 absl::FunctionRef<int()> call) const {
  while (call() != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, operation, path_);
  }
  return absl::OkStatus();
}

}  // namespace pagestall
