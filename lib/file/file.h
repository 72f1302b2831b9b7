#ifndef PAGESTALL_LIB_FILE_FILE_H_
#define PAGESTALL_LIB_FILE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace pagestall {

// An open file: owns its descriptor and knows its path, so that every error can
// name it. Movable, not copyable. Any thread, also several at once, but for
// moving to and from it and destroying it, which nothing else may go beside.
//
// Each call waits for as long as its system call does: reads, writes and syncs
// for the device, opening and closing for a server that is slow to answer.
// ReadCached() does not; what AdviseWillNeed() and ReadAhead() begin is queued,
// and where the queue is full they wait for it. None can be cancelled; one that
// a signal's handler interrupts goes on.
class File {
 public:
  // open(2) with O_CLOEXEC. `mode` counts only with O_CREAT.
  static absl::StatusOr<File> Open(std::string path, int flags,
                                   mode_t mode = 0);

  // open(2) for reads around the page cache (O_DIRECT). Unimplemented where the
  // file system does not support it.
  static absl::StatusOr<File> OpenDirect(const std::string& path);

  // open(2) for reads. InvalidArgument for anything but a regular file; does
  // not wait for a pipe's other end.
  static absl::StatusOr<File> OpenRegular(const std::string& path);

  File(File&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~File();

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

  // The file's size in bytes.
  absl::StatusOr<uint64_t> Size() const;
  // As far as it can be had without asking a server (AT_STATX_DONT_SYNC,
  // statx(2)), which may take as long as a read.
  absl::StatusOr<uint64_t> SizeKnown() const;

  // Whether the file system tells what would have to wait for the device
  // (RWF_NOWAIT). Where it does not, io_uring hands each read to a thread of
  // the kernel's.
  bool ReadsWithoutWait() const;

  // Reads from `offset` until `buffer` is full or the file ends, through
  // interruptions and short reads. Returns the bytes read: fewer than the
  // buffer holds only at the end of the file. `flags` are those of preadv2(2):
  // Unimplemented where the kernel or the file system does not know one.
  absl::StatusOr<size_t> Read(absl::Span<uint8_t> buffer, uint64_t offset,
                              int flags = 0) const;

  // Reads what the page cache holds from `offset` on (RWF_NOWAIT, preadv2(2)),
  // up to all that `buffer` holds. Returns the bytes read, which may be 0.
  // Unimplemented where the file system cannot.
  absl::StatusOr<size_t> ReadCached(absl::Span<uint8_t> buffer,
                                    uint64_t offset) const;

  // posix_fadvise(2) on the whole file.
  absl::Status Advise(int advice) const;

  // Begin to read `size` bytes from `offset` on into the page cache, by
  // posix_fadvise(POSIX_FADV_WILLNEED) and by readahead(2); the kernel caps how
  // much one call begins, as it does that of madvise().
  absl::Status AdviseWillNeed(uint64_t offset, uint64_t size) const;
  absl::Status ReadAhead(uint64_t offset, uint64_t size) const;

  // What O_DIRECT wants offsets, lengths and memory to be a multiple of
  // (statx(2), Linux 6.1; a page where the kernel does not tell), at least what
  // aligned_alloc(3) takes. Unimplemented without O_DIRECT.
  absl::StatusOr<size_t> DirectAlignment() const;

  // Writes all of `bytes` at `offset`, through interruptions and short writes.
  absl::Status Write(absl::Span<const uint8_t> bytes, uint64_t offset) const;

  // ftruncate(2), fsync(2) and fdatasync(2), through interruptions.
  absl::Status Truncate(uint64_t size) const;
  absl::Status Sync() const;
  absl::Status SyncData() const;

  // flock(2) for this open file alone, without waiting; held until the file is
  // closed. False while another has it, or a shared one while another has it
  // for itself.
  absl::StatusOr<bool> TryLock(bool shared = false) const;

 private:
  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  absl::Status Uninterrupted(const char* operation,
                             absl::FunctionRef<int()> call) const;

  int fd_;
  std::string path_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_FILE_H_
