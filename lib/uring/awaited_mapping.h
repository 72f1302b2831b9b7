#ifndef PAGESTALL_LIB_URING_AWAITED_MAPPING_H_
#define PAGESTALL_LIB_URING_AWAITED_MAPPING_H_

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../file/shared_buffer.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "io_mapping.h"
#include "ring.h"

namespace pagestall {

// A file mapped for reading whose parts are awaited before they are touched, so
// that the thread which runs an executor does not sleep in page faults:
//
//   auto bytes = co_await mapping->Await(offset, size);
//   if (!bytes.ok()) ...        // read error, truncated file
//   Use(*bytes);                // does not wait for the device
//
// How, what is promised when the await returns, what can be had without a wait
// and what hangs: io_mapping.h. Others run while it waits.
//
// Threads: as with its ring, the one that runs the ring's executor; several
// coroutines may await at once, on executors of their own (a strand, say),
// where they are resumed. To join that thread takes as long as what a thread of
// the kernel's has in hand for it, while storage hangs (io_ring.h).
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
// the kernel to end what is being read ahead and does not wait for it.
class AwaitedMapping {
 public:
  using Options = IoMapping::Options;
  // A range that stays in memory. May be destroyed after its mapping and all
  // that is awaited of it, otherwise on the executor's thread.
  using Pinned = IoMapping::Pinned;

  // Opens and maps the file, which may wait for storage; errors as of
  // IoMapping. Once the ring has gone, awaits of what is not in memory end with
  // FailedPrecondition. Any thread, if none runs the executor.
  static absl::StatusOr<std::unique_ptr<AwaitedMapping>> Open(
      const std::string& path, Ring& ring, const Options& options);

  ~AwaitedMapping();
  AwaitedMapping(const AwaitedMapping&) = delete;
  AwaitedMapping& operator=(const AwaitedMapping&) = delete;

  // The file's size when it was opened, in bytes. Any thread.
  uint64_t size() const { return mapping_.size(); }

  // Awaits `size` bytes from `offset` on, fewer where the file ended when it
  // was opened. OutOfRange where the file has been truncated since, the read's
  // error (Unknown, for EIO) where the device fails, Cancelled, Unimplemented
  // before Linux 5.14; FailedPrecondition and PermissionDenied of the ring. The
  // bytes are there as long as the mapping is.
  asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>> Await(
      uint64_t offset, size_t size);

  // The same where it is known at once, without a coroutine and, mostly, a
  // system call: what was awaited or found mapped a short while ago. Otherwise
  // nothing: await it (IoMapping::TryAwait()).
  //
  //   std::optional<Bytes> bytes = mapping->TryAwait(offset, size);
  //   if (!bytes) { ... co_await mapping->Await(offset, size); }
  std::optional<absl::Span<const uint8_t>> TryAwait(uint64_t offset,
                                                    size_t size) const {
    return mapping_.TryAwait(offset, size);
  }

  // As many bytes as `buffer` holds, for records that are looked up in no
  // order: where they lie if it is known that they are mapped, otherwise read
  // into the buffer, which costs less than to map a page for one touch. What is
  // looked up often gets mapped. Valid as long as both; nothing is touched that
  // may be gone.
  asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>> LookUp(
      uint64_t offset, SharedBuffer buffer);

  struct Range {
    uint64_t offset;
    size_t size;
  };
  // The same of many ranges, each with an answer of its own, in their order:
  // what is not in memory is asked for in one system call, and waited for
  // together. The first may be some time ago when the last is there.
  asio::awaitable<std::vector<absl::StatusOr<absl::Span<const uint8_t>>>>
  AwaitAll(std::vector<Range> ranges);

  // The same, pinned. ResourceExhausted beyond Options::pin_limit_bytes or what
  // the system lets a process lock (RLIMIT_MEMLOCK). Read and mapped by a
  // thread of the kernel's, also if it is in memory.
  asio::awaitable<absl::StatusOr<Pinned>> AwaitPinned(uint64_t offset,
                                                      size_t size);

 private:
  AwaitedMapping(IoMapping mapping, const Ring& ring);

  // Coroutines that await hold what they need, so that they find it when they
  // are resumed, or destroyed after the mapping was.
  static asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>> Await(
      IoMapping mapping, std::shared_ptr<Ring::State> ring, uint64_t offset,
      size_t size);
  static asio::awaitable<std::vector<absl::StatusOr<absl::Span<const uint8_t>>>>
  AwaitAll(IoMapping mapping, std::shared_ptr<Ring::State> ring,
           std::vector<Range> ranges);
  static asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>> LookUp(
      IoMapping mapping, std::shared_ptr<Ring::State> ring, uint64_t offset,
      SharedBuffer buffer);
  static asio::awaitable<absl::StatusOr<Pinned>> AwaitPinned(
      IoMapping mapping, std::shared_ptr<Ring::State> ring, uint64_t offset,
      size_t size);

  IoMapping mapping_;
  std::shared_ptr<Ring::State> ring_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_AWAITED_MAPPING_H_
