#include "lib/uring/io_ring.h"

#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/file/errno_status.h"
#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/file/shared_buffer.h"

namespace pagestall {
namespace {

using std::chrono::steady_clock;

constexpr unsigned kEntries = 256;  // submissions that one call can batch

// The kernel has four worker threads per CPU for a thread's operations that
// sleep, unless it is asked for more. It starts one only when those there are
// sleep, so that more of them do not compete for the CPUs, and hung ones leave
// some to others.
constexpr unsigned kWorkers = 256;

// In a submission's user_data, beside an operation's address: cancels it.
constexpr uint64_t kCancels = 1;

// Of a thread, and of no other that comes after it.
uint64_t ThisThread() {
  static std::atomic<uint64_t> threads = 0;
  thread_local const uint64_t number = ++threads;
  return number;
}

absl::Status RingError(int error_number, absl::string_view call) {
  const char* advice = "";
  if (error_number == ENOSYS) {
    advice = "io_uring needs Linux 5.1";
  } else if (error_number == EPERM) {
    advice = "a sandbox or the sysctl kernel.io_uring_disabled forbids it";
  }
  return ErrnoStatus(error_number, call, "", advice);
}

absl::Status WrongThread() {
  return absl::FailedPreconditionError(
      "io_uring: a ring belongs to the thread that used it first, and another "
      "one did; run its executor on one thread, or open a ring on each");
}

}  // namespace

class IoRing::Lane {
 public:
  explicit Lane(size_t most) : limit(most) {}

  const size_t limit;
  size_t taken = 0;  // by those that the kernel has, or is to have now
  std::deque<Ticket> waiting;  // for their turn
};

class IoRing::Operation {
 public:
  // What the kernel uses, owned until it has given it back.
  std::shared_ptr<const File> file;
  std::shared_ptr<const void> memory;
  std::shared_ptr<Lane> lane;
  Ticket self;  // as long as that is so
  Operation* previous = nullptr;
  Operation* next = nullptr;
  bool on_lane = false;    // takes one of its places
  bool submitted = false;  // the kernel may have it

  // What it is (io_uring_enter(2)).
  uint8_t opcode = IORING_OP_NOP;
  int fd = -1;
  uint64_t address = 0;
  uint32_t length = 0;
  uint64_t offset = 0;
  uint32_t flags = 0;

  // What who has started it sees.
  bool ended = false;
  int result = 0;
  Done done;
};

// The ring, and what is on its way to the kernel or with it.
class IoRing::Kernel {
 public:
  io_uring ring{};
  bool open = false;
  bool enabled = false;              // and its worker threads asked for
  std::atomic<uint64_t> thread = 0;  // that it belongs to; 0: to none yet
  std::deque<Ticket> queued;         // to be put into the submission queue
  std::deque<Ticket> to_cancel;
  std::deque<uint64_t> submissions;  // user_data of what is in that queue
  // Operations that a submitted cancellation names: their address may not be
  // another's before it has ended.
  std::unordered_map<uint64_t, Ticket> cancelling;
  Operation* first = nullptr;  // of those that own something
  size_t owning = 0;
  std::deque<Ended> ended;
  std::vector<Ticket> spare;  // that nobody knows, to be used again

  Ticket NewOperation() {
    if (spare.empty()) return std::make_shared<Operation>();
    Ticket operation = std::move(spare.back());
    spare.pop_back();
    return operation;
  }

  // Many at once are more than malloc() keeps at hand.
  void Recycle(Ticket operation) {
    if (operation.use_count() > 1 || spare.size() == kEntries) return;
    std::atomic_thread_fence(std::memory_order_acquire);  // of who dropped it
    *operation = {};
    spare.push_back(std::move(operation));
  }

  bool IsMine() const {
    return thread.load(std::memory_order_relaxed) == ThisThread();
  }

  void Link(Operation& operation) {
    operation.next = first;
    if (first != nullptr) first->previous = &operation;
    first = &operation;
    ++owning;
  }

  void Unlink(Operation& operation) {
    if (operation.previous != nullptr) {
      operation.previous->next = operation.next;
    } else {
      first = operation.next;
    }
    if (operation.next != nullptr) {
      operation.next->previous = operation.previous;
    }
    operation.previous = operation.next = nullptr;
    --owning;
  }
};

namespace {

// Rings that were retired while the kernel had something of theirs. Never
// destroyed: so is none of them at the process's end.
struct Retired {
  std::mutex mutex;
  std::vector<IoRing*> rings;
};

Retired& TheRetired() {
  static auto* const retired = new Retired;
  return *retired;
}

}  // namespace

absl::StatusOr<IoRing::Owner> IoRing::Open() {
  CountRetired();
  Owner ring(new IoRing);
  if (absl::Status status = ring->Init(); !status.ok()) return status;
  return ring;
}

bool IoRing::Close(Owner owner, std::chrono::nanoseconds limit) {
  if (owner == nullptr) return true;
  std::vector<Done> untold;
  IoRing* const ring = owner.release();
  ring->Shut(untold);
  if (limit > limit.zero()) ring->WaitUntil(steady_clock::now() + limit);
  // What the kernel was too short of memory for: nobody submits it any more.
  ring->ForgetSubmissions();
  ring->ForgetUnsubmitted();
  const bool all = ring->LookAfter();
  if (all) {
    delete ring;
  } else {
    const std::lock_guard lock(TheRetired().mutex);
    TheRetired().rings.push_back(ring);
  }
  // Last, for it may own anything, the caller as well.
  untold.clear();
  return all;
}

void IoRing::Retire::operator()(IoRing* ring) const {
  CountRetired();
  Close(Owner(ring), {});
}

size_t IoRing::CountRetired() {
  Retired& retired = TheRetired();
  std::vector<IoRing*> rings;
  {
    const std::lock_guard lock(retired.mutex);
    rings.swap(retired.rings);
  }
  // Closes and unmaps files, which may take long: not while others wait.
  const auto gone =
      std::partition(rings.begin(), rings.end(),
                     [](IoRing* ring) { return !ring->LookAfter(); });
  std::for_each(gone, rings.end(), [](IoRing* ring) { delete ring; });
  rings.erase(gone, rings.end());
  const std::lock_guard lock(retired.mutex);
  retired.rings.insert(retired.rings.end(), rings.begin(), rings.end());
  return retired.rings.size();
}

std::shared_ptr<IoRing::Lane> IoRing::MakeLane(size_t limit) {
  return std::make_shared<Lane>(limit);
}

IoRing::IoRing() : kernel_(std::make_unique<Kernel>()) {}

IoRing::~IoRing() {
  if (kernel_->open) io_uring_queue_exit(&kernel_->ring);
  if (event_ >= 0) close(event_);
}

absl::Status IoRing::Init() {
  // Completions are work for this thread at its next call, not interrupts of
  // what it computes (Linux 6.1; io_uring_setup(2)). Disabled, it belongs to
  // no thread yet.
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
  error = io_uring_register_eventfd(&ring, event_);
  if (error != 0) return RingError(-error, "io_uring_register_eventfd");
  io_uring_cq_eventfd_toggle(&ring, false);
  return absl::OkStatus();
}

bool IoRing::BindThread() {
  uint64_t none = 0;
  return kernel_->IsMine() ||
         kernel_->thread.compare_exchange_strong(none, ThisThread());
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
  io_uring& ring = kernel_->ring;
  constexpr unsigned kWork = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
  io_uring_cq_eventfd_toggle(&ring, true);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (HasEnded() || io_uring_cq_ready(&ring) > 0 ||
      (IO_URING_READ_ONCE(*ring.sq.kflags) & kWork) != 0) {
    io_uring_cq_eventfd_toggle(&ring, false);
    return false;
  }
  return true;
}

void IoRing::Disarm() {
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
  return Start(std::move(operation));
}

IoRing::Ticket IoRing::StartAdvise(std::shared_ptr<const Mapping> mapping,
                                   absl::Span<const uint8_t> bytes, int advice,
                                   Done done, std::shared_ptr<Lane> lane) {
  Ticket operation = kernel_->NewOperation();
  operation->opcode = IORING_OP_MADVISE;
  operation->address = reinterpret_cast<uintptr_t>(bytes.data());
  operation->length = static_cast<uint32_t>(bytes.size());
  operation->flags = static_cast<uint32_t>(advice);
  operation->memory = std::move(mapping);
  operation->lane = std::move(lane);
  operation->done = std::move(done);
  return Start(std::move(operation));
}

IoRing::Ticket IoRing::Start(Ticket operation) {
  kernel_->Link(*operation);
  operation->self = operation;
  if (operation->done) ++waiting_;
  const int error = !BindThread() ? EEXIST : error_number_;
  if (error != 0) {
    EndForCaller(*operation, -error);
    EndForKernel(*operation);
  } else if (Lane* const lane = operation->lane.get();
             lane != nullptr && lane->taken >= lane->limit) {
    lane->waiting.push_back(operation);
  } else {
    Enqueue(operation);
  }
  return operation;
}

void IoRing::Enqueue(Ticket operation) {
  if (operation->lane != nullptr) {
    operation->on_lane = true;
    ++operation->lane->taken;
  }
  kernel_->queued.push_back(std::move(operation));
}

std::optional<int> IoRing::ResultOf(const Ticket& operation) const {
  if (!operation->ended) return std::nullopt;
  return operation->result;
}

void IoRing::Tell(const Ticket& operation, Done done) {
  if (operation->ended) {
    kernel_->ended.push_back({std::move(done), operation->result});
  } else {
    operation->done = std::move(done);
    ++waiting_;
  }
}

void IoRing::Cancel(const Ticket& operation) {
  EndForCaller(*operation, -ECANCELED);
  if (operation->self == nullptr) return;
  if (operation->submitted) {
    // A broken ring asks the kernel for nothing more.
    if (error_number_ == 0) kernel_->to_cancel.push_back(operation);
    return;
  }
  std::erase(kernel_->queued, operation);
  if (operation->lane != nullptr) {
    std::erase(operation->lane->waiting, operation);
  }
  EndForKernel(*operation);
}

IoRing::Done IoRing::Abandon(const Ticket& operation) {
  if (operation->done) --waiting_;
  Done done = std::exchange(operation->done, nullptr);
  Cancel(operation);
  return done;
}

void IoRing::EndForCaller(Operation& operation, int result) {
  if (std::exchange(operation.ended, true)) return;
  operation.result = result;
  if (!operation.done) return;
  --waiting_;
  kernel_->ended.push_back(
      {std::exchange(operation.done, nullptr), operation.result});
}

void IoRing::EndForKernel(Operation& operation) {
  Ticket last = std::move(operation.self);
  kernel_->Unlink(operation);
  operation.file.reset();
  operation.memory.reset();
  const std::shared_ptr<Lane> lane = std::move(operation.lane);
  if (operation.on_lane) {
    --lane->taken;
    if (!lane->waiting.empty()) {
      Enqueue(std::move(lane->waiting.front()));
      lane->waiting.pop_front();
    }
  }
  kernel_->Recycle(std::move(last));
}

bool IoRing::HasWork() const {
  return error_number_ == 0 &&
         (!kernel_->queued.empty() || !kernel_->to_cancel.empty() ||
          !kernel_->submissions.empty());
}

void IoRing::FillQueue() {
  Kernel& kernel = *kernel_;
  while (!kernel.queued.empty()) {
    io_uring_sqe* const sqe = io_uring_get_sqe(&kernel.ring);
    if (sqe == nullptr) return;
    Operation& operation = *kernel.queued.front();
    io_uring_prep_rw(operation.opcode, sqe, operation.fd,
                     reinterpret_cast<void*>(operation.address),  // NOLINT
                     operation.length, operation.offset);
    sqe->rw_flags = static_cast<int>(operation.flags);
    sqe->user_data = reinterpret_cast<uintptr_t>(&operation);
    operation.submitted = true;
    kernel.submissions.push_back(sqe->user_data);
    kernel.queued.pop_front();
  }
  while (!kernel.to_cancel.empty()) {
    Ticket& operation = kernel.to_cancel.front();
    const auto address = reinterpret_cast<uintptr_t>(operation.get());
    if (operation->self != nullptr && !kernel.cancelling.contains(address)) {
      io_uring_sqe* const sqe = io_uring_get_sqe(&kernel.ring);
      if (sqe == nullptr) return;
      io_uring_prep_cancel(sqe, operation.get(), 0);
      sqe->user_data = address | kCancels;
      kernel.submissions.push_back(sqe->user_data);
      kernel.cancelling.emplace(address, std::move(operation));
    }
    kernel.to_cancel.pop_front();
  }
}

bool IoRing::Submit() {
  if (error_number_ != 0) return false;
  if (!BindThread()) {
    Break(EEXIST, WrongThread());
    return false;
  }
  if (!kernel_->enabled) {
    if (const int error = Enable(); error != 0) {
      Break(error, RingError(error, "io_uring_register"));
      return false;
    }
  }
  for (int interruptions = 0;;) {
    FillQueue();
    const int count = io_uring_submit_and_get_events(&kernel_->ring);
    TakeSubmitted(count);
    Collect();
    if (count == -EINTR && ++interruptions < 100) continue;
    if (count == -EINTR || count == -EAGAIN || count == -EBUSY) return true;
    if (count < 0) {
      Break(-count, StatusOf(count));
      return false;
    }
    if (!HasWork()) return false;
    if (count == 0 && !kernel_->submissions.empty()) return true;
  }
}

// Of the submission queue, in order; a negative count is an error.
void IoRing::TakeSubmitted(int count) {
  std::deque<uint64_t>& submissions = kernel_->submissions;
  const size_t taken = std::min<size_t>(std::max(count, 0), submissions.size());
  submissions.erase(submissions.begin(),
                    submissions.begin() + static_cast<ptrdiff_t>(taken));
}

void IoRing::Collect() {
  std::array<io_uring_cqe*, 64> completions;
  while (const unsigned count = io_uring_peek_batch_cqe(
             &kernel_->ring, completions.data(), completions.size())) {
    for (unsigned i = 0; i < count; ++i) {
      const uint64_t data = completions[i]->user_data;
      if ((data & kCancels) != 0) {
        kernel_->cancelling.erase(data & ~kCancels);
      } else if (data != 0) {
        auto& operation = *reinterpret_cast<Operation*>(data);  // NOLINT
        EndForCaller(operation, completions[i]->res);
        EndForKernel(operation);
      }
    }
    io_uring_cq_advance(&kernel_->ring, count);
  }
}

absl::Status IoRing::StatusOf(int result) const {
  if (!status_.ok()) return status_;
  if (result == -EEXIST) return WrongThread();
  return RingError(-result, "io_uring_enter");
}

void IoRing::Break(int error_number, absl::Status status) {
  error_number_ = error_number;
  status_ = std::move(status);
  for (Operation* one = kernel_->first; one != nullptr; one = one->next) {
    EndForCaller(*one, -error_number);
  }
  ForgetSubmissions();
  ForgetUnsubmitted();
}

// What the submission queue holds, of a ring that will submit no more.
void IoRing::ForgetSubmissions() {
  for (const uint64_t data : kernel_->submissions) {
    if ((data & kCancels) != 0) {
      kernel_->cancelling.erase(data & ~kCancels);
    } else if (data != 0) {
      reinterpret_cast<Operation*>(data)->submitted = false;  // NOLINT
    }
  }
  kernel_->submissions.clear();
}

// What the kernel does not have is nobody's any more.
void IoRing::ForgetUnsubmitted() {
  kernel_->to_cancel.clear();
  kernel_->queued.clear();
  for (Operation* one = kernel_->first; one != nullptr;) {
    Operation* const next = one->next;
    if (!one->submitted) {
      one->on_lane = false;
      if (one->lane != nullptr) one->lane->waiting.clear();
      EndForKernel(*one);
    }
    one = next;
  }
}

size_t IoRing::CountEnded() const { return kernel_->ended.size(); }

std::optional<IoRing::Ended> IoRing::NextEnded() {
  if (kernel_->ended.empty()) return std::nullopt;
  Ended next = std::move(kernel_->ended.front());
  kernel_->ended.pop_front();
  return next;
}

void IoRing::Shut(std::vector<Done>& untold) {
  Kernel& kernel = *kernel_;
  for (Operation* one = kernel.first; one != nullptr; one = one->next) {
    EndForCaller(*one, -ECANCELED);
  }
  for (Ended& one : kernel.ended) untold.push_back(std::move(one.done));
  kernel.ended.clear();
  const bool can_submit =
      kernel.IsMine() && kernel.enabled && error_number_ == 0;
  if (!can_submit) ForgetSubmissions();
  ForgetUnsubmitted();
  if (can_submit && kernel.owning > 0) CancelAll();
}

// Collects what ends by that without a wait.
void IoRing::CancelAll() {
  io_uring_sqe* sqe = io_uring_get_sqe(&kernel_->ring);
  if (sqe == nullptr) {
    Submit();
    sqe = io_uring_get_sqe(&kernel_->ring);
  }
  if (sqe != nullptr) {
    io_uring_prep_cancel(sqe, nullptr,
                         IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    sqe->user_data = 0;
    kernel_->submissions.push_back(0);
  }
  size_t before;
  do {
    before = kernel_->owning;
    Submit();
  } while (kernel_->owning > 0 && kernel_->owning < before);
}

void IoRing::WaitUntil(steady_clock::time_point deadline) {
  while (kernel_->owning > 0 && kernel_->IsMine() && error_number_ == 0) {
    const auto left = deadline - steady_clock::now();
    if (left <= left.zero()) return;
    __kernel_timespec timeout = {.tv_sec = left / std::chrono::seconds(1),
                                 .tv_nsec = left % std::chrono::seconds(1) /
                                            std::chrono::nanoseconds(1)};
    io_uring_cqe* completion;
    const int result = io_uring_submit_and_wait_timeout(
        &kernel_->ring, &completion, 1, &timeout, nullptr);
    Collect();
    const bool again = result >= 0 || result == -ETIME || result == -EINTR;
    if (!again) return;
  }
}

bool IoRing::LookAfter() {
  if (kernel_->owning > 0 && kernel_->IsMine() && kernel_->enabled) {
    io_uring_get_events(&kernel_->ring);
  }
  if (kernel_->owning > 0) Collect();
  return kernel_->owning == 0;
}

}  // namespace pagestall
