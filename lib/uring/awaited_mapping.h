#ifndef PAGESTALL_LIB_URING_AWAITED_MAPPING_H_
#define PAGESTALL_LIB_URING_AWAITED_MAPPING_H_

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "ring.h"

namespace pagestall {

// A file mapped for reading whose parts are awaited before they are touched, so
// that the thread which runs an executor does not sleep in page faults:
//
//   auto bytes = co_await mapping->Await(offset, size);
//   if (!bytes.ok()) ...        // read error, truncated file
//   Use(*bytes);                // does not wait for the device
//
// What is in memory is answered at once, by a call of mincore(2), or of the
// much cheaper cachestat(2) when asked for front to back (residency_gate.h).
// Anything else is read and mapped by a thread of the kernel's
// (MADV_POPULATE_READ through the ring, Linux 5.14) while the executor runs
// others; a caller that goes front to back finds the next ranges already under
// way. Small ranges in no order take no thread: they are brought into memory by
// a read.
//
// What is promised when the await returns: every byte of the range was in
// memory, so that touching it costs at most a fault that finds its page (a
// minor one). Nothing is held there: under memory pressure the kernel may drop
// a page before it is touched, and then the touch sleeps as it does with plain
// mmap. To wait long between the await and the touch is to ask for that; await
// again, which is cheap, or use AwaitPinned().
//
// A file that is truncated after the await returned still raises SIGBUS
// (mmap(2)).
//
// All calls must come from the thread that runs the executor; several
// coroutines may await at once. A coroutine that is cancelled meanwhile gets a
// Cancelled status, or what Asio throws. Destroying it cancels what is being
// read ahead and blocks until that has ended, unless coroutines still await:
// then the file is unmapped when the last of them has got its answer, which it
// must not use.
class AwaitedMapping {
 public:
  struct Options {
    // How many ranges beyond the awaited one, of its size, are read ahead for a
    // caller that goes front to back. At least 0.
    size_t ahead = 2;
    // It will be asked for in no order: the kernel reads no more than was asked
    // for.
    bool random = false;
    // How much AwaitPinned() may hold in memory at once, in bytes.
    size_t pin_limit_bytes = size_t{64} << 20;
  };

  // A range that the kernel does not drop (mlock(2)) while this and its mapping
  // live.
  class Pinned;

  // Opens and maps the file. The ring must live while anything is awaited; once
  // it has gone, the mapping may only be destroyed.
  static absl::StatusOr<std::unique_ptr<AwaitedMapping>> Open(
      const std::string& path, Ring& ring, const Options& options);

  ~AwaitedMapping();
  AwaitedMapping(const AwaitedMapping&) = delete;
  AwaitedMapping& operator=(const AwaitedMapping&) = delete;

  // The file's size when it was opened, in bytes.
  uint64_t size() const;

  // Awaits `size` bytes from `offset` on, fewer where the file ends. OutOfRange
  // where the file has been truncated, the read's error (Unknown, for EIO)
  // where the device fails, Unimplemented before Linux 5.14.
  asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>> Await(
      uint64_t offset, size_t size);

  // The same, pinned. ResourceExhausted beyond Options::pin_limit_bytes or what
  // the system lets a process lock (RLIMIT_MEMLOCK).
  asio::awaitable<absl::StatusOr<Pinned>> AwaitPinned(uint64_t offset,
                                                      size_t size);

 private:
  class State;

  explicit AwaitedMapping(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

class AwaitedMapping::Pinned {
 public:
  Pinned(Pinned&& other) noexcept;
  Pinned& operator=(Pinned&& other) noexcept;
  ~Pinned();

  absl::Span<const uint8_t> bytes() const { return bytes_; }

 private:
  friend class AwaitedMapping::State;

  explicit Pinned(absl::Span<const uint8_t> bytes) : bytes_(bytes) {}

  std::weak_ptr<State> state_;
  absl::Span<const uint8_t> bytes_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_AWAITED_MAPPING_H_
