#include "lib/uring/io_ring.h"

#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/base/config.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/file/shared_buffer.h"
#include "lib/file/survives.h"
#include "lib/uring/io_ring_state.h"

namespace pagestall {
namespace {

// The kernel has four worker threads per CPU for a thread's operations that
// sleep, unless it is asked for more. It starts one only when those there are
// sleep, so that more of them do not compete for the CPUs, and hung ones leave
// some to others.
constexpr unsigned kWorkers = 256;

absl::Status RingError(int error_number, absl::string_view call) {
  const char* advice = "";
  if (error_number == ENOSYS) {
    advice = "io_uring needs Linux 5.1";
  } else if (error_number == EPERM) {
    advice = "a sandbox or the sysctl kernel.io_uring_disabled forbids it";
  }
  return ErrnoStatus(error_number, call, "", advice);
}

absl::Status NotThisRing(bool inherited) {
  if (inherited) {
    return absl::FailedPreconditionError(
        "io_uring: a ring belongs to the process that opened it, of which this "
        "is a child; open one here");
  }
  return absl::FailedPreconditionError(
      "io_uring: a ring belongs to the thread that used it first, and another "
      "one did; run its executor on one thread, or open a ring on each");
}

// Whether a sandbox lets a ring be used, by making the calls that it takes.
absl::Status AskForARing() {
  Answers answers{};
  const bool survives = SurvivesCalls(
      [](Answers& told) {
        auto& [made, error] = told;  // 1 more than the ring; of the first use
        io_uring_params params{};
        const auto ring =
            static_cast<int>(syscall(SYS_io_uring_setup, 1, &params));
        made = ring + 1;
        if (syscall(SYS_io_uring_enter, ring, 0, 0, 0, nullptr, 0) < 0) {
          error = errno;
        }
        syscall(SYS_io_uring_register, ring, IORING_REGISTER_ENABLE_RINGS,
                nullptr, 0);
      },
      answers);
  const int ring = answers[0] - 1;
  const int error = answers[1];
  if (ring >= 0) close(ring);
  if (!survives) {
    return absl::PermissionDeniedError(
        MayAskFirst()
            ? "io_uring: a sandbox kills processes that use it (seccomp)"
            : "io_uring: whether a sandbox kills for it cannot be asked, for "
              "it "
              "forbids to start a process (clone)");
  }
  // Without a ring, why there is none is told where one is opened.
  if (ring < 0 || error == 0) return absl::OkStatus();
  return RingError(error, "io_uring_enter");
}

}  // namespace

absl::StatusOr<IoRing::Owner> IoRing::Open() {
  static const absl::Status& allowed = *new absl::Status(AskForARing());
  if (!allowed.ok()) return allowed;
  CountRetired();
  Owner ring(new IoRing);
  if (absl::Status status = ring->Init(); !status.ok()) return status;
  return ring;
}

IoRing::Ticket IoRing::Kernel::NewOperation() {
  if (spare.empty()) return std::make_shared<Operation>();
  Ticket operation = std::move(spare.back());
  spare.pop_back();
  return operation;
}

void IoRing::Kernel::EndCancelling(uint64_t data) {
  if (data == kCancels) return;                                        // all
  cancelling.Remove(*reinterpret_cast<Operation*>(data & ~kCancels));  // NOLINT
}

// Many at once are more than malloc() keeps at hand.
void IoRing::Kernel::Recycle(Ticket operation) {
  if (operation.use_count() > 1 || spare.size() == kEntries) return;
  std::atomic_thread_fence(std::memory_order_acquire);  // of who dropped it
#ifdef ABSL_HAVE_THREAD_SANITIZER
  return;  // it knows of no fence, and would call that a race
#endif
  *operation = {};
  spare.push_back(std::move(operation));
}

std::shared_ptr<IoRing::Lane> IoRing::MakeLane(size_t limit) {
  return std::make_shared<Lane>(std::max<size_t>(limit, 1));
}

uint64_t IoRing::NewId() {
  static std::atomic<uint64_t> ids = 0;
  return ++ids;
}

IoRing::IoRing() : kernel_(std::make_unique<Kernel>()) {}

IoRing::~IoRing() {
  if (kernel_->open) io_uring_queue_exit(&kernel_->ring);
  if (owns_event_) close(event_);
}

absl::Status IoRing::Init() {
  // Completions are work for this thread at its next call, not interrupts of
  // what it computes (Linux 6.1; io_uring_setup(2)). Disabled, it belongs to
  // no thread yet.
  constexpr unsigned kEntries = Kernel::kEntries;
  io_uring& ring = kernel_->ring;
  int error = io_uring_queue_init(
      kEntries, &ring,
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
          IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED);
  if (error == -EINVAL) error = io_uring_queue_init(kEntries, &ring, 0);
  if (error != 0) return RingError(-error, "io_uring_setup");
  kernel_->open = true;
  // Deferred work shows in an eventfd, but not to who polls the ring's own
  // descriptor.
  event_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event_ < 0) return RingError(errno, "eventfd");
  owns_event_ = true;
  error = io_uring_register_eventfd(&ring, event_);
  if (error != 0) return RingError(-error, "io_uring_register_eventfd");
  io_uring_cq_eventfd_toggle(&ring, false);
  return absl::OkStatus();
}

bool IoRing::BindThread() {
  if (kernel_->IsInherited()) return false;
  uint64_t none = 0;
  return kernel_->IsMine() ||
         kernel_->thread.compare_exchange_strong(none, Kernel::ThisThread());
}
int IoRing::Enable() {
  io_uring& ring = kernel_->ring;
  if ((ring.flags & IORING_SETUP_R_DISABLED) != 0) {
    // Debian 12's liburing declares a function for it that it does not have.
    if (syscall(SYS_io_uring_register, ring.ring_fd,
                IORING_REGISTER_ENABLE_RINGS, nullptr, 0) != 0) {
      return errno;
    }
  }
  // Of the thread, which may have asked for more. Linux 5.15; before, there are
  // as many as there are.
  unsigned workers[2] = {0, 0};
  if (io_uring_register_iowq_max_workers(&ring, workers) == 0 &&
      workers[0] < kWorkers) {
    unsigned wanted[2] = {kWorkers, 0};
    io_uring_register_iowq_max_workers(&ring, wanted);
  }
  kernel_->enabled = true;
  return 0;
}

bool IoRing::Arm() {
  if (kernel_->IsInherited()) return !HasEnded();
  io_uring& ring = kernel_->ring;
  constexpr unsigned kWork = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
  io_uring_cq_eventfd_toggle(&ring, true);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Of a broken ring its thread collects what is there; the kernel is asked for
  // nothing more.
  const bool is_broken = error_number_ != 0;
  const bool can_collect =
      (!is_broken || kernel_->IsMine()) && io_uring_cq_ready(&ring) > 0;
  const bool can_have_more =
      !is_broken && (IO_URING_READ_ONCE(*ring.sq.kflags) & kWork) != 0;
  if (HasEnded() || can_collect || can_have_more) {
    io_uring_cq_eventfd_toggle(&ring, false);
    return false;
  }
  return true;
}

void IoRing::Disarm() {
  if (kernel_->IsInherited()) return;
  io_uring_cq_eventfd_toggle(&kernel_->ring, false);
  uint64_t count;
  static_cast<void>(read(event_, &count, sizeof count));
}

IoRing::Ticket IoRing::StartRead(std::shared_ptr<const File> file,
                                 const SharedBuffer& buffer, uint64_t offset,
                                 int flags, Done done,
                                 std::shared_ptr<Lane> lane) {
  // The kernel takes no more at once (read(2)); the rest is a short read.
  constexpr size_t kMost = size_t{1} << 30;
  Ticket operation = kernel_->NewOperation();
  operation->opcode = IORING_OP_READ;
  operation->fd = file->fd();
  operation->address = reinterpret_cast<uintptr_t>(buffer.bytes().data());
  operation->length = static_cast<uint32_t>(std::min(buffer.size(), kMost));
  operation->offset = offset;
  operation->flags = static_cast<uint32_t>(flags);
  operation->file = std::move(file);
  operation->memory = buffer.owner();
  operation->lane = std::move(lane);
  operation->done = std::move(done);
  // Beyond, an offset means something else (-1: the file's own).
  const bool possible = offset <= uint64_t{INT64_MAX} - operation->length;
  return Start(std::move(operation), possible ? 0 : EINVAL);
}

IoRing::Ticket IoRing::StartAdvise(std::shared_ptr<const Mapping> mapping,
                                   uint64_t offset, size_t size, int advice,
                                   Done done, std::shared_ptr<Lane> lane) {
  const absl::Span<const uint8_t> bytes = mapping->At(offset, size);
  Ticket operation = kernel_->NewOperation();
  operation->opcode = IORING_OP_MADVISE;
  operation->address = reinterpret_cast<uintptr_t>(bytes.data());
  operation->length = static_cast<uint32_t>(bytes.size());
  operation->flags = static_cast<uint32_t>(advice);
  operation->memory = std::move(mapping);
  operation->lane = std::move(lane);
  operation->done = std::move(done);
  return Start(std::move(operation), bytes.size() > UINT32_MAX ? EINVAL : 0);
}

IoRing::Ticket IoRing::Start(Ticket operation, int error) {
  // Nothing of it will ever end in another way.
  if (kernel_->IsInherited() && error_number_ == 0) {
    Break(EEXIST, nullptr);
  }
  kernel_->owning.Append(*operation, operation);
  if (operation->done) ++waiting_;
  operation->ring = id_;
  Lane* const lane = operation->lane.get();
  if (error_number_ != 0) error = error_number_;
  if (!BindThread()) error = EEXIST;
  if (error == 0 && lane != nullptr) {
    if (lane->ring == 0) lane->ring = id_;
    if (lane->ring != id_) error = EXDEV;
  }
  if (error != 0) {
    EndForCaller(*operation, -error);
    EndForKernel(*operation);
  } else if (lane != nullptr && lane->taken >= lane->limit) {
    operation->queue = &lane->queue;
    operation->queue->Append(*operation);
  } else {
    Enqueue(*operation);
  }
  return operation;
}

void IoRing::Enqueue(Operation& operation) {
  if (operation.lane != nullptr) {
    operation.on_lane = true;
    ++operation.lane->taken;
  }
  operation.queue = &kernel_->queue;
  operation.queue->Append(operation);
}

void IoRing::Dequeue(Operation& operation) {
  if (operation.queue != nullptr) operation.queue->Remove(operation);
  operation.queue = nullptr;
}

std::optional<int> IoRing::ResultOf(const Ticket& operation) const {
  if (!operation->ended) return std::nullopt;
  return operation->result;
}

bool IoRing::Tell(const Ticket& operation, Done& done) {
  if (operation->done || operation->ring != id_) return false;
  operation->done = std::move(done);
  ++waiting_;
  if (operation->ended && !operation->telling.holder) {
    kernel_->ended.Append(*operation, operation);
  }
  return true;
}

void IoRing::Cancel(const Ticket& operation) {
  if (operation->ring != id_) return;
  EndForCaller(*operation, -ECANCELED);
  if (!operation->owning.holder) return;
  if (!operation->submitted) return EndForKernel(*operation);
  // A broken ring asks the kernel for nothing more.
  if (error_number_ == 0) ToCancel(*operation);
}

IoRing::Done IoRing::Abandon(const Ticket& operation) {
  if (operation->ring != id_) return nullptr;
  if (operation->done) --waiting_;
  Done done = std::exchange(operation->done, nullptr);
  Cancel(operation);
  return done;
}

void IoRing::EndForCaller(Operation& operation, int result) {
  if (std::exchange(operation.ended, true)) return;
  operation.result = result;
  if (operation.done) kernel_->ended.Append(operation, operation.owning.holder);
}

void IoRing::EndForKernel(Operation& operation) {
  Ticket last = kernel_->owning.Remove(operation);
  Dequeue(operation);
  if (operation.to_cancel.holder) kernel_->to_cancel.Remove(operation);
  operation.file.reset();
  operation.memory.reset();
  const std::shared_ptr<Lane> lane = std::move(operation.lane);
  if (operation.on_lane) {
    --lane->taken;
    if (Operation* const next = lane->queue.first(); next != nullptr) {
      Dequeue(*next);
      Enqueue(*next);
    }
  }
  kernel_->Recycle(std::move(last));
}

bool IoRing::HasUnsubmitted() const {
  return !kernel_->queue.empty() || !kernel_->to_cancel.empty() ||
         io_uring_sq_ready(&kernel_->ring) > 0;
}

void IoRing::FillQueue() {
  Kernel& kernel = *kernel_;
  while (Operation* const operation = kernel.queue.first()) {
    io_uring_sqe* const sqe = io_uring_get_sqe(&kernel.ring);
    if (sqe == nullptr) return;
    Dequeue(*operation);
    io_uring_prep_rw(operation->opcode, sqe, operation->fd,
                     reinterpret_cast<void*>(operation->address),  // NOLINT
                     operation->length, operation->offset);
    sqe->rw_flags = static_cast<int>(operation->flags);
    sqe->user_data = reinterpret_cast<uintptr_t>(operation);
    operation->submitted = true;
  }
  while (Operation* const operation = kernel.to_cancel.first()) {
    io_uring_sqe* const sqe = io_uring_get_sqe(&kernel.ring);
    if (sqe == nullptr) return;
    io_uring_prep_cancel(sqe, operation, 0);
    sqe->user_data = reinterpret_cast<uintptr_t>(operation) | Kernel::kCancels;
    kernel.cancelling.Append(*operation, kernel.to_cancel.Remove(*operation));
  }
}

void IoRing::ToCancel(Operation& operation) {
  if (operation.to_cancel.holder || operation.cancelling.holder) return;
  kernel_->to_cancel.Append(operation, operation.owning.holder);
}

bool IoRing::Submit() {
  if (error_number_ == 0 && !BindThread()) {
    Break(EEXIST, nullptr);
  }
  if (error_number_ == 0 && !kernel_->enabled) {
    const int error = Enable();
    if (error != 0) Break(error, "io_uring_register");
  }
  if (error_number_ == 0) return SubmitQueue();
  if (kernel_->IsMine()) CollectAll();
  return false;
}

bool IoRing::SubmitQueue() {
  for (int interruptions = 0;;) {
    FillQueue();
    const int count = io_uring_submit_and_get_events(&kernel_->ring);
    Collect();
    if (count == -EINTR && ++interruptions < 100) continue;
    if (count == -EINTR || count == -EAGAIN || count == -EBUSY) return true;
    if (count < 0) {
      Break(-count, "io_uring_enter");
      return false;
    }
    if (!HasUnsubmitted()) return false;
    if (count == 0 && io_uring_sq_ready(&kernel_->ring) > 0) return true;
  }
}

void IoRing::CollectAll() {
  if (kernel_->enabled) io_uring_get_events(&kernel_->ring);
  Collect();
}

void IoRing::Collect() {
  std::array<io_uring_cqe*, 64> completions;
  while (const unsigned count = io_uring_peek_batch_cqe(
             &kernel_->ring, completions.data(), completions.size())) {
    for (unsigned i = 0; i < count; ++i) {
      const uint64_t data = completions[i]->user_data;
      const int result = completions[i]->res;
      // Of a wait with a limit, before Linux 5.11.
      if (data == LIBURING_UDATA_TIMEOUT) continue;
      if (data == Kernel::kCancels) {
        // Linux 5.19; before, one by one.
        if (result == -EINVAL) CancelEach();
      } else if ((data & Kernel::kCancels) != 0) {
        kernel_->EndCancelling(data);
      } else if (data != 0) {
        auto& operation = *reinterpret_cast<Operation*>(data);  // NOLINT
        // What was cancelled here has ended for its caller: it is the kernel
        // that has no thread for it and can start none (the kernel's
        // io_uring/io-wq.c), which others call EAGAIN.
        EndForCaller(operation, result == -ECANCELED ? -EAGAIN : result);
        EndForKernel(operation);
      }
    }
    io_uring_cq_advance(&kernel_->ring, count);
  }
}

absl::Status IoRing::StatusOf(const IoRing* ring, int result) {
  if (ring == nullptr) {
    return absl::FailedPreconditionError(
        "io_uring: the ring was closed, or its execution context destroyed");
  }
  if (ring->error_number_ != 0) return ring->status();
  if (result == -EEXIST) return NotThisRing(ring->kernel_->IsInherited());
  if (result == -EXDEV) {
    return absl::FailedPreconditionError(
        "io_uring: the lane of an operation belongs to another ring; make one "
        "for each");
  }
  return absl::OkStatus();
}

absl::Status IoRing::status() const {
  if (error_number_ == 0) return absl::OkStatus();
  if (failed_call_ == nullptr) return NotThisRing(kernel_->IsInherited());
  return RingError(error_number_, failed_call_);
}

// Allocates nothing, as nothing does that a ring's end may need.
void IoRing::Break(int error_number, const char* call) {
  error_number_ = error_number;
  failed_call_ = call;
  for (Operation* one = kernel_->owning.first(); one != nullptr;
       one = kernel_->owning.After(*one)) {
    EndForCaller(*one, -error_number);
  }
  ForgetUnsubmitted();
}

// What the kernel does not have is nobody's any more.
void IoRing::ForgetUnsubmitted() {
  ForgetSubmissions();
  kernel_->to_cancel.Clear();
  EndUnsubmitted();
}

void IoRing::EndUnsubmitted() {
  for (Operation* one = kernel_->owning.first(); one != nullptr;) {
    Operation* const next = kernel_->owning.After(*one);
    if (!one->submitted) EndForKernel(*one);
    one = next;
  }
}

// Leaves nothing in the submission queue that means anything.
void IoRing::ForgetSubmissions() {
  Kernel& kernel = *kernel_;
  if (!kernel.open) return;
  if (kernel.IsInherited()) {
    // It is the parent's, as is what the kernel has.
    for (Operation* one = kernel.owning.first(); one != nullptr;
         one = kernel.owning.After(*one)) {
      one->submitted = false;
    }
    kernel.cancelling.Clear();
    return;
  }
  const io_uring_sq& queue = kernel.ring.sq;
  for (unsigned left = io_uring_sq_ready(&kernel.ring); left > 0; --left) {
    io_uring_sqe& sqe = queue.sqes[(queue.sqe_tail - left) & queue.ring_mask];
    const uint64_t data = sqe.user_data;
    if ((data & Kernel::kCancels) != 0) {
      kernel.EndCancelling(data);
    } else if (data != 0) {
      reinterpret_cast<Operation*>(data)->submitted = false;  // NOLINT
    }
    io_uring_prep_nop(&sqe);
    sqe.user_data = 0;
  }
}

size_t IoRing::CountEnded() const { return kernel_->ended.size(); }

std::optional<IoRing::Ended> IoRing::NextEnded() {
  while (Operation* const first = kernel_->ended.first()) {
    Ticket operation = kernel_->ended.Remove(*first);
    if (!operation->done) continue;  // abandoned since
    --waiting_;
    Ended next = {std::exchange(operation->done, nullptr), operation->result};
    if (!operation->owning.holder) kernel_->Recycle(std::move(operation));
    return next;
  }
  return std::nullopt;
}

}  // namespace pagestall
