#ifndef PAGESTALL_LIB_URING_IO_MAPPING_H_
#define PAGESTALL_LIB_URING_IO_MAPPING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "io_read.h"
#include "io_ring.h"
#include "io_task.h"

namespace pagestall {

// A file mapped for reading whose parts a ring brings into memory before they
// are touched. It knows of no event loop: what takes a while is an IoTask.
//
// What is in memory is found out at once, by two system calls (one for a range
// within a page, of a mapping in no order). Anything else is read and mapped by
// a thread of the kernel's (MADV_POPULATE_READ through the ring, Linux 5.14); a
// caller that goes front to back finds the next ranges already under way. Small
// ranges in no order are brought into memory by a read, which takes no thread
// where the file system can do without.
//
// What is promised when a request has ended: every byte of the range was in
// memory, so that touching it costs at most a fault that finds its page (a
// minor one). Nothing is held there: under memory pressure the kernel may drop
// a page before it is touched, and then the touch sleeps as it does with plain
// mmap. To wait long between a request and its touch is to ask for that; ask
// again, which is cheap, or pin. A touch may also begin the
// kernel's own read-ahead of what follows: requests to the device, but no wait
// for them. Where others are reading the same part of the file in at that time,
// a page may count as soon as its read has begun. And the file was no shorter
// than the range's end: asked for at every request, but of this machine's
// kernel alone, which learns late of what others do to a file on the network.
// The page in which a file ends reads as zeros from there on (mmap(2)).
//
// A file that is truncated after its request has ended still raises SIGBUS, or,
// in the page where it ends now, reads as zeros.
//
// Threads: the ring's, one call at a time, and one ring at a time: with another
// when all requests have ended, whatever the former ring still has in hand.
// Copies are of the same mapping.
//
// Lifetime: requests own what they need, so that mapping, requests, pins and
// ring may go in any order. The file is closed and unmapped when the kernel has
// nothing of it in hand.
//
// Waiting: no call sleeps for the file's bytes but Open(). What hangs takes up
// to 8 of the kernel's threads per mapping and ring, cancelled or not, as many
// more for what is read ahead, and 256 per thread that runs rings: beyond 8,
// requests of this mapping that are not in memory wait for those; with 16
// mappings that hang so, all do, also if they were closed and opened again.
// Reads of file systems that have no RWF_NOWAIT (FUSE) count as well.
class IoMapping {
 public:
  struct Options {
    // How many ranges beyond the requested one, of its size, are read ahead for
    // a caller that goes front to back. At least 0.
    size_t ahead = 2;
    // It will be asked for in no order: the kernel reads no more than was asked
    // for.
    bool random = false;
    // How much may be pinned at once, in bytes of whole pages; one that is
    // pinned twice counts twice. A pinned page holds the folio that it is a
    // part of, which may be 2 MiB and is not counted.
    size_t pin_limit_bytes = size_t{64} << 20;
  };

  // A range that the kernel does not drop (mlock(2)) once it is in memory, as
  // long as this lives and anything of its mapping.
  class Pinned;
  // Of a range, to be in memory.
  class Request;

  // Opens and maps the file, which may wait for storage. InvalidArgument for
  // what is not a regular file, or has bytes and says that it has none (/proc).
  // An empty file is a mapping of no bytes. Any thread.
  static absl::StatusOr<IoMapping> Open(const std::string& path,
                                        const Options& options);

  // The file's size when it was opened, in bytes. Any thread.
  uint64_t size() const;

  // Up to `size` bytes from `offset` on, pinned; they need not be in memory yet
  // (Request). ResourceExhausted beyond Options::pin_limit_bytes or what the
  // system lets a process lock (RLIMIT_MEMLOCK).
  absl::StatusOr<Pinned> Pin(uint64_t offset, size_t size) const;

  // Asks the kernel to end what is read ahead and nobody has requested, and
  // reads no further ahead. `ring` is the one that requests name; another, or
  // none, asks nothing, and what is in hand ends by itself.
  void StopReadingAhead(IoRing* ring) const;

 private:
  class State;

  explicit IoMapping(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

// Destroying it unlocks, in one system call for each stretch that no other has
// pinned; it waits for no device. On the ring's thread, or after its mapping.
class IoMapping::Pinned {
 public:
  Pinned(Pinned&& other) noexcept;
  Pinned& operator=(Pinned&& other) noexcept;
  ~Pinned();

  absl::Span<const uint8_t> bytes() const { return bytes_; }

 private:
  friend class IoMapping::Request;
  friend class IoMapping::State;

  explicit Pinned(absl::Span<const uint8_t> bytes) : bytes_(bytes) {}

  std::weak_ptr<State> state_;
  absl::Span<const uint8_t> bytes_;
};

class IoMapping::Request final : public IoTask {
 public:
  // Of `size` bytes from `offset` on, fewer where the file ended when it was
  // opened.
  Request(const IoMapping& mapping, uint64_t offset, size_t size);
  // Of what is pinned. A thread of the kernel's reads and maps it, also if it
  // is in memory.
  explicit Request(const Pinned& pinned);
  ~Request() override;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  IoRing::Ticket Begin(IoRing* ring) override;
  IoRing::Ticket GoOn(IoRing* ring, int result) override;

  // Once it has ended. OutOfRange where the file has been truncated since it
  // was opened, the read's error (Unknown, for EIO) where the device fails,
  // Cancelled, Unimplemented before Linux 5.14; the ring's, of what is not in
  // memory. The bytes are there as long as the mapping is.
  absl::StatusOr<absl::Span<const uint8_t>> bytes() const;

 private:
  friend class IoMapping::State;

  // What its operation is for.
  enum class Step {
    kJoin,      // was read ahead
    kBringIn,   // reads it into memory
    kPopulate,  // reads and maps it
    kFindError  // looks why that is not possible
  };
  struct Ahead;

  IoRing::Ticket Join(IoRing* ring);
  void Leave();
  IoRing::Ticket Look(IoRing* ring);
  IoRing::Ticket LookAgain(IoRing* ring);
  IoRing::Ticket BringIn(IoRing* ring, Step step, uint64_t begin, uint64_t end);
  IoRing::Ticket Populate(IoRing* ring);
  IoRing::Ticket GoOnPopulating(IoRing* ring, int result);
  IoRing::Ticket FindError(IoRing* ring);
  IoRing::Ticket End(absl::Status status);

  std::shared_ptr<State> state_;
  absl::Span<const uint8_t> bytes_;
  absl::Status status_;
  Step step_ = Step::kJoin;
  uint64_t offset_ = 0;  // of the bytes
  uint64_t begin_ = 0;   // of their first page
  uint64_t end_ = 0;     // of the bytes
  uint64_t at_ = 0;      // what is before that is done
  bool in_order_ = false;
  bool was_ahead_ = false;
  int interruptions_ = 0;
  int faults_ = 0;
  uint64_t fault_at_ = 0;
  Ahead* joined_ = nullptr;
  std::optional<IoRead> read_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_IO_MAPPING_H_
