// What becomes of a ring that is closed, and of what the kernel then still has.

#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/string_view.h"
#include "lib/uring/io_ring.h"
#include "lib/uring/io_ring_state.h"

namespace pagestall {
namespace {

using std::chrono::steady_clock;

// Rings that were closed while the kernel had something of theirs. Never
// destroyed: so is none of them at the process's end.
struct Retired {
  // Held across fork(), which so finds the list whole.
  Retired() {
    pthread_atfork([] { Retired::Get().mutex.lock(); },
                   [] { Retired::Get().mutex.unlock(); },
                   [] {
                     Retired::Get().forks.fetch_add(1);
                     Retired::Get().taken = 0;  // by no thread of this one
                     Retired::Get().mutex.unlock();
                   });
  }

  static Retired& Get() {
    static auto* const retired = new Retired;
    return *retired;
  }

  std::atomic<uint32_t> forks = 0;
  std::mutex mutex;
  IoRing* rings = nullptr;  // the first of a list
  size_t listed = 0;
  size_t taken = 0;  // out of it, to be looked at
};

// It stays until the process ends, as a zombie: "7 (any name) Z 1 ...". Without
// memory of its own, for it may be asked as a thread ends.
bool MainThreadHasEnded() {
  std::array<char, 256> text;
  const int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t size = read(file, text.data(), text.size());
  close(file);
  const absl::string_view line(text.data(), std::max<ssize_t>(size, 0));
  const size_t name_end = line.rfind(')');
  return name_end != line.npos && line.substr(name_end + 1, 2) == " Z";
}

}  // namespace

uint32_t IoRing::CountForks() {
  return Retired::Get().forks.load(std::memory_order_relaxed);
}

uint64_t IoRing::Kernel::ThisThread() {
  struct Thread {
    uint64_t name = 0;
    uint32_t forks = 0;
  };
  // The last one that can tell what the kernel gives back to this thread. What
  // it goes on with in one look may end in the next.
  struct LastLook {
    ~LastLook() {
      for (int looks = 0; looks < 10 && CountRetired() > 0; ++looks) continue;
    }
  };
  static std::atomic<uint32_t> threads = 0;
  thread_local Thread thread;
  thread_local const LastLook at_end;
  static_cast<void>(at_end);
  const uint32_t forks = CountForks();
  if (thread.name == 0 || thread.forks != forks) {
    const uint64_t number = ++threads;
    thread = {number << 32 | static_cast<uint32_t>(gettid()), forks};
  }
  return thread.name;
}

bool IoRing::Kernel::OwnerHasEnded() const {
  const uint64_t name = thread.load(std::memory_order_relaxed);
  if (name == 0 || name == ThisThread()) return false;
  const auto id = static_cast<pid_t>(name & UINT32_MAX);
  if (id == gettid()) return true;
  if (syscall(SYS_tgkill, getpid(), id, 0) != 0) return errno == ESRCH;
  return id == getpid() && MainThreadHasEnded();
}

// Operations whose buffers the device may write to, for all that can be known
// (io_ring.h).
struct IoRing::Held {
  static Held& Get() {
    static auto* const held = new Held;
    return *held;
  }

  Operation::List<&Operation::held> operations;
};

bool IoRing::Close(Owner owner, std::chrono::nanoseconds limit) {
  if (owner == nullptr) return true;
  IoRing* const ring = owner.release();
  ring->Shut();
  Operation::List<&Operation::telling> untold;
  untold.Swap(ring->kernel_->ended);
  if (limit > limit.zero()) ring->WaitUntil(steady_clock::now() + limit);
  // What the kernel was too short of memory for: nobody submits it any more.
  ring->ForgetUnsubmitted();
  const bool all = ring->LookAfter();
  if (all) {
    delete ring;
  } else {
    ring->PutOnList();
  }
  // Last, for a callback may own anything, the caller as well.
  while (Operation* const one = untold.first()) {
    const Ticket operation = untold.Remove(*one);
    const Done gone = std::exchange(operation->done, nullptr);
  }
  return all;
}

void IoRing::Retire::operator()(IoRing* ring) const {
  CountRetired();
  Close(Owner(ring), {});
}

void IoRing::PutOnList() {
  Retired& retired = Retired::Get();
  const std::lock_guard lock(retired.mutex);
  next_retired_ = std::exchange(retired.rings, this);
  ++retired.listed;
}

size_t IoRing::CountRetired() {
  Retired& retired = Retired::Get();
  IoRing* mine = nullptr;
  {
    const std::lock_guard lock(retired.mutex);
    for (IoRing** at = &retired.rings; *at != nullptr;) {
      IoRing* const one = *at;
      // Those of another living thread are left to that.
      if (!one->CanBeLookedAfter()) {
        at = &one->next_retired_;
        continue;
      }
      *at = one->next_retired_;
      one->next_retired_ = std::exchange(mine, one);
      --retired.listed;
      ++retired.taken;
    }
  }
  // Closes and unmaps files, which may take long: not while others wait.
  while (mine != nullptr) {
    IoRing* const one = std::exchange(mine, mine->next_retired_);
    if (one->LookAfter()) {
      delete one;
    } else {
      one->PutOnList();
    }
    const std::lock_guard lock(retired.mutex);
    --retired.taken;
  }
  const std::lock_guard lock(retired.mutex);
  return retired.listed + retired.taken;
}

// What is to be told is left in the list for it.
void IoRing::Shut() {
  Kernel& kernel = *kernel_;
  for (Operation* one = kernel.owning.first(); one != nullptr;
       one = kernel.owning.After(*one)) {
    EndForCaller(*one, -ECANCELED);
  }
  if (!CanSubmit()) return ForgetUnsubmitted();
  EndUnsubmitted();
  if (!kernel.owning.empty()) CancelAll();
}

// Also if what has broken it is another thread's call.
bool IoRing::CanSubmit() const {
  return kernel_->IsMine() && kernel_->enabled &&
         (error_number_ == 0 || error_number_ == EEXIST);
}

// Collects what ends by that without a wait.
void IoRing::CancelAll() {
  cancelled_ = true;
  io_uring_sqe* sqe = io_uring_get_sqe(&kernel_->ring);
  if (sqe == nullptr) {
    SubmitQueue();
    sqe = io_uring_get_sqe(&kernel_->ring);
  }
  if (sqe != nullptr) {
    io_uring_prep_cancel(sqe, nullptr,
                         IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    sqe->user_data = Kernel::kCancels;
  }
  size_t before;
  do {
    before = kernel_->owning.size();
    SubmitQueue();
  } while (!kernel_->owning.empty() && kernel_->owning.size() < before);
}

void IoRing::CancelEach() {
  for (Operation* one = kernel_->owning.first(); one != nullptr;
       one = kernel_->owning.After(*one)) {
    ToCancel(*one);
  }
}

void IoRing::WaitUntil(steady_clock::time_point deadline) {
  while (!kernel_->owning.empty() && CanSubmit()) {
    const auto left = deadline - steady_clock::now();
    if (left <= left.zero()) return;
    __kernel_timespec timeout = {.tv_sec = left / std::chrono::seconds(1),
                                 .tv_nsec = left % std::chrono::seconds(1) /
                                            std::chrono::nanoseconds(1)};
    io_uring_cqe* completion;
    const int result = io_uring_submit_and_wait_timeout(
        &kernel_->ring, &completion, 1, &timeout, nullptr);
    Collect();
    if (result == -EAGAIN || result == -EBUSY) {  // short of memory
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    } else if (result < 0 && result != -ETIME && result != -EINTR) {
      return;
    }
  }
}

bool IoRing::CanBeLookedAfter() const {
  return kernel_->IsInherited() || kernel_->IsMine() ||
         kernel_->OwnerHasEnded();
}

bool IoRing::LookAfter() {
  if (kernel_->owning.empty()) return true;
  if (kernel_->IsInherited()) {
    ForgetUnsubmitted();
  } else if (kernel_->IsMine()) {
    if (!cancelled_ && CanSubmit()) CancelAll();  // closed by another thread
    CollectAll();
  } else if (kernel_->OwnerHasEnded()) {
    Collect();
    GiveUp();
  }
  return kernel_->owning.empty();
}

// Of a ring whose thread has ended: its completions are for nobody. What the
// kernel's threads did for it has ended with them, and what was to be copied
// from the page cache will not be (the kernel's io_uring/rw.c: that is done by
// the thread itself). But a device may still write what it was asked to read
// around that.
void IoRing::GiveUp() {
  io_uring_queue_exit(&kernel_->ring);
  kernel_->open = false;
  while (Operation* const one = kernel_->owning.first()) {
    const bool is_direct = one->opcode == IORING_OP_READ &&
                           (fcntl(one->fd, F_GETFL) & O_DIRECT) != 0;
    const Ticket operation = one->owning.holder;
    auto memory = std::move(one->memory);
    EndForKernel(*one);
    if (!is_direct) continue;
    operation->memory = std::move(memory);
    const std::lock_guard lock(Retired::Get().mutex);  // held across fork()
    Held::Get().operations.Append(*operation, operation);
  }
}

}  // namespace pagestall
