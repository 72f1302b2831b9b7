#ifndef PAGESTALL_LIB_URING_IO_RING_H_
#define PAGESTALL_LIB_URING_IO_RING_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pagestall {

class File;
class Mapping;
class SharedBuffer;

// An io_uring (io_uring(7)) for any event loop; it knows of none and has no
// thread. A loop that has what it does at the end of each turn:
//
//   do {
//     ring->Submit();
//     while (auto ended = ring->NextEnded()) ended->done(ended->result);
//   } while (ring->HasWork() || !ring->Arm());
//   ...  // sleep until descriptor() is readable, or something was started
//   ring->Disarm();
//
// Ownership: what the kernel may still read or write belongs to the operation
// (its file, its buffer, its mapping), which lives until the kernel has given
// it back. Whoever has started it can let go of all that at any time.
//
// Threads: the ring belongs to the thread that starts the first operation, or
// submits first, wherever it was opened. One call at a time. Another thread's
// operations end at once with -EEXIST, and its Submit() breaks the ring (see
// status()), for the kernel takes no other thread's calls
// (IORING_SETUP_SINGLE_ISSUER, io_uring_setup(2)) and what is in flight would
// be waited for in vain.
//
// The thread's end: one of whose operations a thread of the kernel's hangs is
// kept by the kernel until that has ended, so that joining it takes as long as
// the storage does. What was in flight then ends for nobody: files and mappings
// go with the ring, when it is closed by any thread, or was and is looked for;
// but buffers that were being read into around the page cache (O_DIRECT) are
// held for as long as the process lives, for the device may still write to them
// and nothing says when it has.
//
// Child processes: after fork(2) the child shares the queues with its parent.
// There the ring is of no use, and harmless: operations end with -EEXIST,
// Submit() breaks it, and what closes or destroys it lets go of the child's own
// descriptors and memory and touches nothing that is shared. (Callbacks are
// destroyed as in any process. No other thread may be in a call meanwhile. What
// pthread_atfork(3) does not see, _Fork(3) and clone(2), must not use the
// library before exec.)
//
// Waiting: no call sleeps for a device but Close() with a limit. Two things are
// the kernel's: it may read the file's metadata from the device within a call,
// and to close or unmap a file, whose last owner may be an operation, may ask a
// server (close(2)). The thread's limit of the kernel's threads that work for
// it is raised to 256, if it is lower (io_uring_register(2),
// IORING_REGISTER_IOWQ_MAX_WORKERS). Soon after a ring was closed, a call in
// which its thread waits may fail with EINTR though no signal has come, if it
// is one that is not restarted (epoll_wait(2); signal(7)): the kernel has the
// thread let go of the ring (io_ring_exit_work() in its io_uring/io_uring.c).
class IoRing {
 public:
  // What ended operations are told to: what the system call would have
  // returned, or -errno. -EAGAIN also where the kernel needs a thread for it
  // and can start none.
  using Done = absl::AnyInvocable<void(int)>;

  // An operation. Refers to it, and keeps nothing of what it owns; any thread
  // may drop it, also after the ring has gone. Calls of another ring than its
  // own leave it alone.
  class Operation;
  using Ticket = std::shared_ptr<Operation>;

  // Operations of which only so many are with the kernel at once, whatever
  // becomes of who has started them: those that the kernel's worker threads
  // sleep in, of which there are only so many. A lane belongs to the ring that
  // it is first used with; operations of another one end with -EXDEV.
  class Lane;

  // Retires the ring, without a wait.
  struct Retire {
    void operator()(IoRing* ring) const;
  };
  using Owner = std::unique_ptr<IoRing, Retire>;

  // Unimplemented where the kernel has no io_uring, PermissionDenied where a
  // sandbox or the sysctl kernel.io_uring_disabled forbids it. The first time a
  // child process asks, which a sandbox may kill for it (SurvivesCalls() in
  // lib/file/survives.h); what it finds holds for the process. Any thread.
  static absl::StatusOr<Owner> Open();

  // Waits up to `limit` for what is in flight, having asked the kernel to end
  // it, and retires the ring: nobody is told any more, and callbacks are
  // destroyed. What the kernel does not give back goes, ring, operations and
  // all that they own, to a list of the process that later calls of Open(),
  // Retire and CountRetired() look through, and each thread of a ring's when it
  // ends. Of a ring whose thread lives, the kernel gives it back to that thread
  // only. Returns whether nothing was left. On the ring's thread; on another
  // there is no wait.
  static bool Close(Owner ring, std::chrono::nanoseconds limit);

  // How many rings are on that list, having looked through it. Any thread.
  static size_t CountRetired();

  // `limit`: at least 1.
  static std::shared_ptr<Lane> MakeLane(size_t limit);

  // Of no other ring of the process, though that may have gone.
  uint64_t id() const { return id_; }

  // How many forks lie between the first process and this one.
  static uint32_t CountForks();

  IoRing(const IoRing&) = delete;
  IoRing& operator=(const IoRing&) = delete;

  // Becomes readable when there is something to Submit() or collect, after
  // Arm() was called. The ring closes it, unless it was released; then it must
  // be open as long as Arm() is called.
  int descriptor() const { return event_; }
  int ReleaseDescriptor() {
    owns_event_ = false;
    return event_;
  }
  // False if there is something already: then it is not armed.
  bool Arm();
  // Takes the signal back.
  void Disarm();

  // preadv2(2) with `flags` (RWF_*). -EINVAL beyond the largest offset.
  Ticket StartRead(std::shared_ptr<const File> file, const SharedBuffer& buffer,
                   uint64_t offset, int flags, Done done,
                   std::shared_ptr<Lane> lane = nullptr);
  // madvise(2) on `size` bytes of the mapping from `offset` on, a page's start.
  // -EINVAL from 4 GiB on.
  Ticket StartAdvise(std::shared_ptr<const Mapping> mapping, uint64_t offset,
                     size_t size, int advice, Done done,
                     std::shared_ptr<Lane> lane = nullptr);

  // The operation's result, once it has ended.
  std::optional<int> ResultOf(const Ticket& operation) const;
  // Tells `done` of an operation, also if it has ended. Returns false, and
  // leaves `done`, where somebody is to be told already.
  bool Tell(const Ticket& operation, Done& done);
  // Ends the operation for who has started it, at once and with -ECANCELED
  // unless it has ended before, and asks the kernel to end it.
  void Cancel(const Ticket& operation);
  // The same, but nobody is told. Returns the callback, which may own who
  // calls.
  Done Abandon(const Ticket& operation);

  // Hands what was started to the kernel, in one system call, and collects what
  // has ended. Returns true if the kernel is short of memory (EAGAIN, EBUSY):
  // to be called again after a while.
  bool Submit();
  // Something was started, or is to be cancelled, that Submit() has to hand to
  // the kernel.
  bool HasWork() const { return error_number_ == 0 && HasUnsubmitted(); }
  // How many callbacks are yet to be told.
  size_t waiting() const { return waiting_; }

  struct Ended {
    Done done;
    int result = 0;
  };
  bool HasEnded() const { return CountEnded() > 0; }
  size_t CountEnded() const;
  // The next callback to call, if any. The ring may be retired within it.
  std::optional<Ended> NextEnded();

  // The error for good, if there was one: of a system call that will fail
  // always (a sandbox forbids it), or a call of another thread. Everything that
  // was under way has ended with its errno, negative, and so does what is
  // started afterwards.
  absl::Status status() const;
  // What ails the ring, if that is what an operation has ended with: one of
  // another thread's, or of a ring that is broken or has gone (null).
  static absl::Status StatusOf(const IoRing* ring, int result);

 private:
  class Kernel;
  struct Held;

  IoRing();
  ~IoRing();

  absl::Status Init();
  // Returns an errno, or 0.
  int Enable();
  // Whether this is the ring's thread, if need be from now on.
  bool BindThread();
  Ticket Start(Ticket operation, int error);
  void Enqueue(Operation& operation);
  void ToCancel(Operation& operation);
  void Dequeue(Operation& operation);
  void EndForCaller(Operation& operation, int result);
  void EndForKernel(Operation& operation);
  bool HasUnsubmitted() const;
  void FillQueue();
  bool SubmitQueue();
  void CollectAll();
  void Collect();
  // `call` is what has failed; null for a call of another thread or process.
  void Break(int error_number, const char* call);
  void ForgetUnsubmitted();
  void EndUnsubmitted();
  void ForgetSubmissions();

  // At its end (io_ring_close.cc).
  void Shut();
  bool CanSubmit() const;
  void CancelAll();
  void CancelEach();
  void WaitUntil(std::chrono::steady_clock::time_point deadline);
  // Whether the kernel has nothing more of a ring that was shut.
  bool LookAfter();
  void PutOnList();
  bool CanBeLookedAfter() const;
  void GiveUp();

  static uint64_t NewId();

  std::unique_ptr<Kernel> kernel_;
  const uint64_t id_ = NewId();
  IoRing* next_retired_ = nullptr;
  bool cancelled_ = false;  // all, at its end
  int event_ = -1;
  bool owns_event_ = false;
  size_t waiting_ = 0;
  int error_number_ = 0;  // that has broken it
  const char* failed_call_ = nullptr;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_IO_RING_H_
