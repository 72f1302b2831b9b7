#ifndef PAGESTALL_LIB_URING_IO_READ_H_
#define PAGESTALL_LIB_URING_IO_READ_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "../file/shared_buffer.h"
#include "absl/status/statusor.h"
#include "io_task.h"

namespace pagestall {

class File;

// Reads from an offset until so many bytes are there or the file ends, through
// interruptions and short reads. Threads, lifetime and cancellation are those
// of every IoTask.
class IoRead final : public IoTask {
 public:
  struct Options {
    int flags = 0;  // of preadv2(2)
    // How many bytes will do. O_DIRECT wants whole blocks where the file ends.
    size_t wanted = SIZE_MAX;
    std::shared_ptr<IoRing::Lane> lane = nullptr;
  };

  IoRead(std::shared_ptr<const File> file, SharedBuffer buffer, uint64_t offset,
         Options options)
      : file_(std::move(file)),
        buffer_(std::move(buffer)),
        offset_(offset),
        options_(std::move(options)) {}

  IoRing::Ticket Begin(IoRing* ring) override;
  // Also of one that was started before, with the same arguments.
  IoRing::Ticket GoOn(IoRing* ring, int result) override;

  // How many bytes are there, or why they are not, once it has ended.
  const absl::StatusOr<size_t>& read() const { return read_; }

 private:
  std::shared_ptr<const File> file_;
  SharedBuffer buffer_;
  uint64_t offset_;
  Options options_;
  absl::StatusOr<size_t> read_ = size_t{0};
  int interruptions_ = 0;
};

// Whether an operation that ended so is to be started again, having ended so
// the `interruption`-th time in a row.
bool IsWorthRepeating(int result, int interruption);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_IO_READ_H_
