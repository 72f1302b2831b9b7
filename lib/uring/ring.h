#ifndef PAGESTALL_LIB_URING_RING_H_
#define PAGESTALL_LIB_URING_RING_H_

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "io_ring.h"

namespace pagestall {

class File;
class IoRead;
class IoTask;
class RingOperation;
class SharedBuffer;

// An io_uring (io_ring.h) whose completions resume coroutines: each on its own
// executor (a strand, say). What is started during a turn of the ring's
// executor is submitted in one system call at the turn's end; what has
// completed is harvested in batches, when the ring's eventfd is signalled or a
// submission completes at once.
//
// Threads: it belongs to the thread that starts its first operation, wherever
// it was opened, and that thread must run its executor. Awaits on another one
// end at once with FailedPrecondition; so do all, once another has run the
// executor, and all in a child of fork(2), those that wait there once
// notify_fork() was called, as Asio wants it: before, the ring counts as closed
// there, and is left alone by whatever destroys it. (To run the context there
// before that takes its parent's events away.) Its calls are safe to make
// on any thread. To join the thread takes as long as what a thread of the
// kernel's has in hand for it, while storage hangs (io_ring.h).
//
// Lifetime: like Asio's own objects it may go before its execution context, or
// the context before it. Either way coroutines that were awaiting are not
// resumed but destroyed, when the context runs or is destroyed; what is awaited
// or started afterwards ends with FailedPrecondition. Buffers, files and
// mappings are owned by the operations, until the kernel has given them back.
//
// Cancellation: a coroutine that is cancelled while it awaits is resumed at
// once, with the result -ECANCELED or a Cancelled status, whatever the storage
// does. (Asio itself throws at its next await.)
//
// Waiting: nothing sleeps for a device but Close(). (To close a file that was
// given back may ask a server, close(2).) While nobody awaits, the ring does
// not keep its execution context running, but for what the kernel is too short
// of memory to be asked.
class Ring {
 public:
  // Unimplemented where the kernel has no io_uring, PermissionDenied where a
  // sandbox or the sysctl kernel.io_uring_disabled forbids it. The executor is
  // of an asio::io_context. Any thread.
  static absl::StatusOr<std::unique_ptr<Ring>> Open(
      const asio::any_io_executor& executor);

  // Asks the kernel to end what is in flight, and does not wait for it: what it
  // does not give back at once stays open and mapped until a later ring of this
  // thread is opened or destroyed, or the thread ends, and finds it given back.
  // Any thread that does not run the executor meanwhile.
  ~Ring();  // NOLINT(bugprone-exception-escape)
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // The same, but waits up to `limit` for the kernel to give everything back.
  // Returns whether it has: then every file is closed and unmapped that nobody
  // else has. On the ring's thread.
  bool Close(std::chrono::nanoseconds limit);

  // Starts preadv2(2) with `flags` (RWF_*).
  RingOperation StartRead(std::shared_ptr<const File> file,
                          const SharedBuffer& buffer, uint64_t offset,
                          int flags = 0);

  // Reads from `offset` until `wanted` bytes (by default all that `buffer`
  // holds; O_DIRECT wants whole blocks where the file ends) are there or the
  // file ends, through interruptions and short reads. Returns the bytes read.
  asio::awaitable<absl::StatusOr<size_t>> Read(
      std::shared_ptr<const File> file, const SharedBuffer& buffer,
      uint64_t offset, int flags = 0, std::optional<size_t> wanted = {});
  // The same of a read that StartRead() has started with the same arguments.
  asio::awaitable<absl::StatusOr<size_t>> Read(
      RingOperation started, std::shared_ptr<const File> file,
      const SharedBuffer& buffer, uint64_t offset, int flags = 0,
      std::optional<size_t> wanted = {});

 private:
  friend class AwaitedMapping;
  friend class RingOperation;
  class State;

  explicit Ring(std::shared_ptr<State> state);

  // For who may outlive the ring. What `call` does with the core, null once
  // that was closed.
  static IoRing::Ticket With(
      const std::shared_ptr<State>& state,
      absl::FunctionRef<IoRing::Ticket(IoRing* core)> call);
  // Runs a task to its end; its first operation may have been started before.
  static asio::awaitable<void> Run(std::shared_ptr<State> state, IoTask& task,
                                   RingOperation started);
  // The same of many at once: what they start in a turn of the executor is
  // submitted in one call. The tasks outlive it.
  static asio::awaitable<void> RunAll(std::shared_ptr<State> state,
                                      std::vector<IoTask*> tasks);
  static asio::awaitable<absl::StatusOr<size_t>> ReadAll(
      std::shared_ptr<State> state, RingOperation started, IoRead read);

  std::shared_ptr<State> state_;
};

// An operation of a ring that was started. Whoever has it may await it; letting
// it go cancels it, and waits for nothing. Threads as above.
class RingOperation {
 public:
  RingOperation() = default;  // of nothing
  RingOperation(RingOperation&& other) noexcept = default;
  RingOperation& operator=(RingOperation&& other) noexcept;
  ~RingOperation();

  // Started, and not awaited yet.
  bool started() const { return ticket_ != nullptr; }
  // Started, and not ended yet.
  bool in_flight() const;

  // Takes the operation, and returns its result when it has ended: what its
  // system call would have returned, or -errno; -EBADFD, -EEXIST and what
  // breaks the ring may be the ring's (see Ring).
  asio::awaitable<int> Wait() &&;

  // Ends the operation at once, with -ECANCELED unless it has ended before, and
  // asks the kernel to end it too.
  void Cancel();

 private:
  friend class Ring;

  RingOperation(std::shared_ptr<Ring::State> ring, IoRing::Ticket ticket);

  static asio::awaitable<int> WaitFor(RingOperation operation);

  std::shared_ptr<Ring::State> ring_;
  IoRing::Ticket ticket_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_RING_H_
