#ifndef PAGESTALL_LIB_URING_RING_H_
#define PAGESTALL_LIB_URING_RING_H_

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

struct io_uring_sqe;

namespace pagestall {

class File;

// An io_uring (io_uring(7)) whose completions resume coroutines on the executor
// of a single-threaded asio::io_context. What is started during a turn of its
// loop is submitted in one system call at the turn's end; what has completed is
// harvested in batches, when the ring's eventfd is signalled or a submission
// completes at once.
//
// All calls, Open() among them, and those of its operations must come from the
// thread that runs the executor. The ring must be destroyed before the
// execution context is. Its destructor cancels what is in flight and blocks
// until that has ended, for the kernel may write to a buffer until then;
// coroutines that were awaiting it are never resumed, and its operations cannot
// be started again.
class Ring {
 public:
  // Unimplemented where the kernel has no io_uring, PermissionDenied where a
  // sandbox or the sysctl kernel.io_uring_disabled forbids it.
  static absl::StatusOr<std::unique_ptr<Ring>> Open(
      const asio::any_io_executor& executor);

  ~Ring();  // NOLINT(bugprone-exception-escape)
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

 private:
  friend class RingOperation;
  class State;

  explicit Ring(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

// A place for one operation of a ring: started, then awaited. Not to be moved,
// for the kernel knows its address. Destroying it while its operation is in
// flight cancels that and blocks until it has ended; a coroutine that was
// awaiting it is not resumed but destroyed. Buffers and memory that the
// operation refers to must live until then.
class RingOperation {
 public:
  explicit RingOperation(Ring& ring);
  ~RingOperation();
  RingOperation(const RingOperation&) = delete;
  RingOperation& operator=(const RingOperation&) = delete;

  // preadv2(2) with `flags` (RWF_*). The operation must not be in flight.
  void StartRead(const File& file, absl::Span<uint8_t> buffer, uint64_t offset,
                 int flags = 0);

  // madvise(2). `bytes` must begin at a page's start and be less than 4 GiB.
  void StartAdvise(absl::Span<const uint8_t> bytes, int advice);

  // Started, and its result not taken yet.
  bool started() const { return started_; }
  // Started, and not ended yet.
  bool in_flight() const { return in_flight_; }

  // Takes the result of the operation that was started, when it has ended: what
  // its system call would have returned, or -errno. A coroutine's cancellation
  // cancels the operation (then -ECANCELED), unless the kernel finishes it
  // first. One coroutine at a time.
  asio::awaitable<int> Wait();

  // Asks the kernel to end the operation.
  void Cancel();

 private:
  friend class Ring::State;

  void Start(absl::FunctionRef<void(io_uring_sqe*)> prepare);

  std::shared_ptr<Ring::State> ring_;
  bool started_ = false;
  bool in_flight_ = false;
  int result_ = 0;
  absl::AnyInvocable<void(int)> waiter_;
  asio::cancellation_slot slot_;  // of the waiter
};

// Reads from `offset` until `wanted` bytes (by default all that `buffer` holds;
// O_DIRECT wants whole blocks where the file ends) are there or the file ends,
// through interruptions and short reads. Returns the bytes read. `operation`
// may have been started with the same arguments before; otherwise it is now.
asio::awaitable<absl::StatusOr<size_t>> AwaitRead(
    RingOperation& operation, const File& file, absl::Span<uint8_t> buffer,
    uint64_t offset, int flags = 0, std::optional<size_t> wanted = {});

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_RING_H_
