#include "lib/file/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"

namespace pagestall {

absl::StatusOr<File> File::Open(std::string path, int flags, mode_t mode) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  return File(fd, std::move(path));
}

File::~File() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<uint64_t> File::Size() const {
  struct stat status;
  if (fstat(fd_, &status) != 0) return ErrnoStatus(errno, "stat", path_);
  return static_cast<uint64_t>(status.st_size);
}

absl::StatusOr<size_t> File::Read(absl::Span<uint8_t> buffer,
                                  uint64_t offset) const {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = pread(fd_, buffer.data() + done, buffer.size() - done,
                                static_cast<off_t>(offset + done));
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

absl::Status File::Sync() const {
  if (fsync(fd_) != 0) return ErrnoStatus(errno, "fsync", path_);
  return absl::OkStatus();
}

}  // namespace pagestall
