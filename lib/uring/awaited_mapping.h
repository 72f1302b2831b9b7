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
// What is in memory is answered at once, by two system calls (one for a range
// within a page, of a mapping in no order). Anything else is read and mapped by
// a thread of the kernel's (MADV_POPULATE_READ through the ring, Linux 5.14)
// while the executor runs others; a caller that goes front to back finds the
// next ranges already under way. Small ranges in no order are brought into
// memory by a read, which takes no thread where the file system can do without.
//
// What is promised when the await returns: every byte of the range was in
// memory, so that touching it costs at most a fault that finds its page (a
// minor one). Nothing is held there: under memory pressure the kernel may drop
// a page before it is touched, and then the touch sleeps as it does with plain
// mmap. To wait long between the await and the touch is to ask for that; await
// again, which is cheap, or use AwaitPinned(). A touch may also begin the
// kernel's own read-ahead of what follows: requests to the device, but no wait
// for them. Where others are reading the same part of the file in at that time,
// a page may count as soon as its read has begun. And the file was no shorter
// than the range's end: asked for at every await, but of this machine's kernel
// alone, which learns late of what others do to a file on the network. The page
// in which a file ends reads as zeros from there on (mmap(2)).
//
// A file that is truncated after the await returned still raises SIGBUS, or, in
// the page where it ends now, reads as zeros.
//
// Threads: as with its ring, the one that runs the ring's executor; several
// coroutines may await at once, on executors of their own (a strand, say),
// where they are resumed.
//
// Cancellation: a coroutine that is cancelled while it awaits is resumed at
// once with a Cancelled status, or what Asio throws, also while storage hangs.
// What the kernel has in hand outlives that safely.
//
// Lifetime: everything may go in any order. If coroutines await when the
// mapping goes, they get their answer, which they must not use, unless the ring
// or the context has gone too. The file is closed and unmapped when the kernel
// has nothing of it in hand; see Ring for when that is found out.
//
// Waiting: no call sleeps for the file's bytes but Open(). A destructor asks
// the kernel to end what is being read ahead and does not wait for it. What
// hangs takes up to 8 of the kernel's threads per mapping, cancelled or not,
// and 256 per thread that runs rings: beyond 8, awaits of this mapping that are
// not in memory wait for those; with 32 mappings that hang so, all do. Reads of
// file systems that have no RWF_NOWAIT (FUSE) count as well.
class AwaitedMapping {
 public:
  struct Options {
    // How many ranges beyond the awaited one, of its size, are read ahead for a
    // caller that goes front to back. At least 0.
    size_t ahead = 2;
    // It will be asked for in no order: the kernel reads no more than was asked
    // for.
    bool random = false;
    // How much may be pinned at once, in bytes. A pinned page holds the folio
    // that it is a part of, which may be 2 MiB and is not counted.
    size_t pin_limit_bytes = size_t{64} << 20;
  };

  // A range that the kernel does not drop (mlock(2)) while this and its mapping
  // live.
  class Pinned;

  // Opens and maps the file, which may wait for storage. InvalidArgument for
  // what is not a regular file, or has bytes and says that it has none (/proc).
  // An empty file is a mapping of no bytes. Once the ring has gone, awaits of
  // what is not in memory end with FailedPrecondition. Any thread, if none runs
  // the executor.
  static absl::StatusOr<std::unique_ptr<AwaitedMapping>> Open(
      const std::string& path, Ring& ring, const Options& options);

  ~AwaitedMapping();
  AwaitedMapping(const AwaitedMapping&) = delete;
  AwaitedMapping& operator=(const AwaitedMapping&) = delete;

  // The file's size when it was opened, in bytes. Any thread.
  uint64_t size() const;

  // Awaits `size` bytes from `offset` on, fewer where the file ended when it
  // was opened. OutOfRange where the file has been truncated since, the read's
  // error (Unknown, for EIO) where the device fails, Cancelled, Unimplemented
  // before Linux 5.14; FailedPrecondition and PermissionDenied of the ring. The
  // bytes are there as long as the mapping is.
  asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>> Await(
      uint64_t offset, size_t size);

  // The same, pinned. ResourceExhausted beyond Options::pin_limit_bytes or what
  // the system lets a process lock (RLIMIT_MEMLOCK). Read and mapped by a
  // thread of the kernel's, also if it is in memory.
  asio::awaitable<absl::StatusOr<Pinned>> AwaitPinned(uint64_t offset,
                                                      size_t size);

 private:
  class State;

  explicit AwaitedMapping(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

// Destroying it unlocks, in one system call for each stretch that no other has
// pinned; it waits for no device. May be destroyed after its mapping, otherwise
// on the executor's thread.
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
