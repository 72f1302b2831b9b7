#include "lib/file/lost_bytes.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace pagestall {
namespace {

struct Range {
  uintptr_t begin;
  uintptr_t end;
};

// Ascending ranges that do not meet. A signal handler adds to it: hence neither
// a mutex nor the heap.
class Ranges {
 public:
  bool Add(Range added) {
    if (size_ == capacity_ && !Grow()) return false;
    Range* const first = EndingFrom(added.begin);
    Range* last = first;
    for (; last != end() && last->begin <= added.end; ++last) {
      added.begin = std::min(added.begin, last->begin);
      added.end = std::max(added.end, last->end);
    }
    Replace(first, last, &added, &added + 1);
    return true;
  }

  // The first that has something of `range`; null if none has.
  const Range* Meeting(Range range) {
    const Range* const first = EndingFrom(range.begin + 1);
    return first == end() || first->begin >= range.end ? nullptr : first;
  }

  void Remove(Range removed) {
    if (size_ == capacity_ && !Grow()) return;  // one may become two
    Range* const first = EndingFrom(removed.begin + 1);
    Range* last = first;
    while (last != end() && last->begin < removed.end) ++last;
    if (first == last) return;
    Range left[2];
    Range* next = left;
    if (first->begin < removed.begin) *next++ = {first->begin, removed.begin};
    if (last[-1].end > removed.end) *next++ = {removed.end, last[-1].end};
    Replace(first, last, left, next);
  }

  size_t size() const { return size_; }

 private:
  Range* end() { return ranges_ + size_; }

  Range* EndingFrom(uintptr_t address) {
    return std::lower_bound(
        ranges_, end(), address,
        [](const Range& range, uintptr_t from) { return range.end < from; });
  }

  void Replace(Range* first, Range* last, const Range* from, const Range* to) {
    Range* const moved = first + (to - from);
    const ptrdiff_t kept = end() - last;
    if (moved < last) {
      std::copy(last, end(), moved);
    } else {
      std::copy_backward(last, end(), moved + kept);
    }
    std::copy(from, to, first);
    size_ = static_cast<size_t>(moved + kept - ranges_);
  }

  // Not mmap(), which the sanitizers make more than a system call.
  bool Grow() {
    const size_t more = std::max(kFewest, 2 * capacity_);
    const auto address =
        syscall(SYS_mmap, nullptr, more * sizeof(Range), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == -1) return false;
    auto* const larger = reinterpret_cast<Range*>(address);  // NOLINT
    std::copy(ranges_, end(), larger);
    if (ranges_ != nullptr) {
      syscall(SYS_munmap, ranges_, capacity_ * sizeof(Range));
    }
    ranges_ = larger;
    capacity_ = more;
    return true;
  }

  static constexpr size_t kFewest = 256;

  Range* ranges_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

constinit Ranges lost;
constinit std::atomic<size_t> lost_size = 0;
constinit std::atomic<bool> locked = false;  // for `lost`

// Takes `lost`. No handler of a signal runs on this thread until Unlock(),
// which is to be given what is returned: one that touches a mapping would wait
// here for the thread that it interrupts. Nor can it be what a fault
// interrupts: nobody who holds it touches a mapping.
sigset_t Lock() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  while (locked.exchange(true, std::memory_order_acquire)) sched_yield();
  return before;
}

void Unlock(const sigset_t& before) {
  locked.store(false, std::memory_order_release);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

class Held {
 public:
  Held() : before_(Lock()) {}
  ~Held() {
    lost_size.store(lost.size(), std::memory_order_release);
    Unlock(before_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  const sigset_t before_;
};

// A child does not inherit the thread that holds it.
sigset_t before_fork;  // of the thread that forks, which holds `lost`

void UnlockAfterFork() {
  const sigset_t before = before_fork;
  Unlock(before);
}

[[maybe_unused]] const int kForksOfLostBytes = pthread_atfork(
    [] { before_fork = Lock(); }, UnlockAfterFork, UnlockAfterFork);

Range Of(absl::Span<const uint8_t> bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  return {begin, begin + bytes.size()};
}

}  // namespace

bool AddLostBytes(uintptr_t begin, uintptr_t end) {
  const Held held;
  return lost.Add({begin, end});
}

const uint8_t* FirstLostByte(absl::Span<const uint8_t> bytes) {
  // After what has been read of them.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (bytes.empty() || lost_size.load(std::memory_order_acquire) == 0) {
    return nullptr;
  }
  const Held held;
  const Range range = Of(bytes);
  const Range* const first = lost.Meeting(range);
  if (first == nullptr) return nullptr;
  return bytes.data() + (std::max(first->begin, range.begin) - range.begin);
}

void ForgetLostBytes(absl::Span<const uint8_t> bytes) {
  if (lost_size.load(std::memory_order_acquire) == 0) return;
  // The kernel unmaps whole pages.
  const uintptr_t in_page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)) - 1;
  Range range = Of(bytes);
  range.end = (range.end + in_page) & ~in_page;
  const Held held;
  lost.Remove(range);
}

}  // namespace pagestall
