#ifndef PAGESTALL_LIB_URING_IO_MAPPING_H_
#define PAGESTALL_LIB_URING_IO_MAPPING_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "../file/shared_buffer.h"
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
// What was found in memory and mapped a short while ago is answered from a
// table of such pages, without a system call. What is not in the table is found
// out at once, and mapped, by a few system calls. Anything else is read and
// mapped by a thread of the kernel's (MADV_POPULATE_READ through the ring,
// Linux 5.14); a caller that goes front to back finds the next ranges already
// under way. Small ranges in no order are brought into memory by a read, which
// takes no thread where the file system can do without.
//
// What is promised when a request has ended: every byte of the range was in
// memory and read, so that touching it costs at most a fault that finds its
// page (a minor one), and asks the device for nothing. Nothing is held there:
// under memory pressure the kernel may drop a page before it is touched, and
// then the touch sleeps as it does with plain mmap. To wait long between a
// request and its touch is to ask for that; ask again, which is cheap, or pin.
// And the file was no shorter than the range's end, as far as this machine's
// kernel knows, which learns late of what others do to a file on the network.
// The page in which a file ends reads as zeros from there on (mmap(2)).
//
// How long ago "was" is. Of what the table answers: memory that the kernel
// takes back for others is noticed within 25 ms (lib/file/reclaim_watch.h), and
// while it does so the table is not used; a file that is truncated, within 5 ms
// and a tick of the clock, at most 10 ms. Some pages go without the kernel's
// saying so: those that somebody drops by MADV_PAGEOUT, writes around the page
// cache (O_DIRECT) or punches out (fallocate(2)), and what a server or a FUSE
// daemon invalidates (NFS). The table forgets what it has not found again for
// 200 ms and a tick. Of all other answers: when the request ended.
//
// A file that is truncated meanwhile raises SIGBUS, or, in the page where it
// ends now, reads as zeros.
//
// Memory: the table takes up to 0.004 % of the file, for the parts of it that
// are asked for.
//
// Threads: the ring's, one call at a time, and one ring at a time: with another
// when all requests have ended, whatever the former ring still has in hand.
// Copies are of the same mapping.
//
// Lifetime: requests own what they need, so that mapping, requests, pins and
// ring may go in any order. The file is closed and unmapped when the kernel has
// nothing of it in hand.
//
// Waiting: no call sleeps for the file's bytes but Open(), with one exception:
// what is found in memory the caller maps (MADV_POPULATE_READ), and should
// somebody drop it between the two calls, it is read there; while the kernel
// takes memory back nothing is mapped so. What hangs takes up
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
    // How much of the file pins may hold in memory at once, in bytes: with a
    // page its folio is held, which may be a huge page (2 MiB on x86-64). So
    // each huge page of the file counts of which a page is pinned, once.
    size_t pin_limit_bytes = size_t{64} << 20;
  };

  // A range that the kernel does not drop (mlock(2)) once it is in memory, as
  // long as this lives and anything of its mapping.
  class Pinned;
  // Of a range, to be in memory.
  class Request;
  // Of a range, to be found in the mapping or read.
  class Reading;

  // Opens and maps the file, which may wait for storage. InvalidArgument for
  // what is not a regular file, or has bytes and says that it has none (/proc).
  // An empty file is a mapping of no bytes. Any thread.
  static absl::StatusOr<IoMapping> Open(const std::string& path,
                                        const Options& options);

  // The file's size when it was opened, in bytes. Any thread.
  uint64_t size() const;

  // Up to `size` bytes from `offset` on, if the table says that touching them
  // neither waits nor faults; otherwise nothing, also where they are in memory
  // and nobody has asked for them lately: request them. As cheap as touching
  // them; once in some milliseconds it asks the kernel whether memory has gone
  // and for the file's size. To be touched before anything else is waited for.
  std::optional<absl::Span<const uint8_t>> TryAwait(uint64_t offset,
                                                    size_t size) const;
  // Has the next calls of that know how long the file is by now.
  void AskForSize() const;

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
    kWillNeed,  // begins to read it
    kPopulate,  // reads and maps it
    kFindError  // looks why that is not possible
  };
  struct Ahead;

  IoRing::Ticket LookAtPage(IoRing* ring);
  IoRing::Ticket Join(IoRing* ring);
  void Leave();
  IoRing::Ticket Look(IoRing* ring);
  IoRing::Ticket LookAgain(IoRing* ring);
  IoRing::Ticket BringIn(IoRing* ring, Step step, uint64_t begin, uint64_t end);
  IoRing::Ticket Bring(IoRing* ring);
  IoRing::Ticket GoOnBringing(IoRing* ring, int result);
  uint64_t EndOfStep() const;
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
  std::chrono::nanoseconds asked_at_{0};  // to be mapped
  Ahead* joined_ = nullptr;
  std::optional<IoRead> read_;
};

// For records that are looked up in no order: what the table knows to be mapped
// is handed out where it lies, anything else is read into a buffer, which costs
// less than to map a page that is touched once. What is looked up often and is
// in memory gets mapped.
class IoMapping::Reading final : public IoTask {
 public:
  // As many bytes from `offset` on as `buffer` holds, fewer where the file
  // ended when it was opened.
  Reading(const IoMapping& mapping, uint64_t offset,
          const SharedBuffer& buffer);

  IoRing::Ticket Begin(IoRing* ring) override;
  IoRing::Ticket GoOn(IoRing* ring, int result) override;

  // Once it has ended: in the mapping or in the buffer, valid as long as both.
  // Errors as of Request.
  absl::StatusOr<absl::Span<const uint8_t>> bytes() const;

 private:
  absl::Status CheckRead() const;

  std::shared_ptr<State> state_;
  uint64_t offset_;
  absl::Span<const uint8_t> bytes_;  // in the mapping
  SharedBuffer buffer_;
  std::optional<IoRead> read_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_IO_MAPPING_H_
