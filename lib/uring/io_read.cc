#include "lib/uring/io_read.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"

namespace pagestall {

IoRing::Ticket IoRead::Begin(IoRing* ring) {
  if (ring == nullptr) {
    read_ = IoRing::StatusOf(nullptr, 0);
    return nullptr;
  }
  return ring->StartRead(file_, buffer_.Part(*read_), offset_ + *read_,
                         options_.flags, nullptr, options_.lane);
}

IoRing::Ticket IoRead::GoOn(IoRing* ring, int result) {
  if (!read_.ok()) return nullptr;  // has ended
  if (result >= 0) {
    *read_ += static_cast<size_t>(result);
    const size_t wanted = std::min(options_.wanted, buffer_.size());
    if (result == 0 || *read_ >= wanted) return nullptr;
    interruptions_ = 0;
  } else if (!IsWorthRepeating(result, ++interruptions_)) {
    const uint64_t at = offset_ + *read_;
    absl::Status status = IoRing::StatusOf(ring, result);
    if (status.ok()) {
      status = ErrnoStatus(-result, absl::StrCat("read at byte ", at),
                           file_->path());
    }
    read_ = std::move(status);
    return nullptr;
  }
  return Begin(ring);
}

bool IsWorthRepeating(int result, int interruption) {
  return (result == -EINTR || result == -EAGAIN) && interruption < 100;
}

}  // namespace pagestall
