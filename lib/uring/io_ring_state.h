#ifndef PAGESTALL_LIB_URING_IO_RING_STATE_H_
#define PAGESTALL_LIB_URING_IO_RING_STATE_H_

#include <liburing.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "lib/uring/io_ring.h"

namespace pagestall {

// What an IoRing is made of; for its own files.

class IoRing::Operation {
 public:
  // Its place in a list, and what keeps it as long as it is there.
  struct Links {
    Operation* previous = nullptr;
    Operation* next = nullptr;
    Ticket holder;
  };
  template <Links Operation::*kLinks>
  class List;

  // What the kernel uses, owned until it has given it back.
  std::shared_ptr<const File> file;
  std::shared_ptr<const void> memory;
  std::shared_ptr<Lane> lane;
  Links owning;            // as long as that is so
  bool on_lane = false;    // takes one of its places
  bool submitted = false;  // the kernel may have it

  // Where it waits to be submitted, if it does.
  Links waiting;
  List<& Operation::waiting>* queue = nullptr;

  Links to_cancel;
  // Named by a cancellation that the kernel may have: its address may not be
  // another's before that has ended.
  Links cancelling;

  // What it is (io_uring_enter(2)).
  uint8_t opcode = IORING_OP_NOP;
  int fd = -1;
  uint64_t address = 0;
  uint32_t length = 0;
  uint64_t offset = 0;
  uint32_t flags = 0;

  uint64_t ring = 0;  // that it was started on

  // What who has started it sees.
  bool ended = false;
  int result = 0;
  Done done;
  Links telling;

  Links held;  // for as long as the process lives (IoRing::GiveUp())
};

// In the order of their coming; each is in one of a kind. Nothing here
// allocates: what the kernel has given back must be taken whole.
template <IoRing::Operation::Links IoRing::Operation::*kLinks>
class IoRing::Operation::List {
 public:
  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  Operation* first() const { return first_; }
  static Operation* After(const Operation& one) { return (one.*kLinks).next; }

  List() = default;
  ~List() { Clear(); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  // `holder` is of that operation; null where something else keeps it.
  void Append(Operation& one, Ticket holder = nullptr) {
    one.*kLinks = {
        .previous = last_, .next = nullptr, .holder = std::move(holder)};
    (last_ == nullptr ? first_ : (last_->*kLinks).next) = &one;
    last_ = &one;
    ++size_;
  }
  // Returns the holder, which may be the last one.
  Ticket Remove(Operation& one) {
    auto [before, after, holder] = std::exchange(one.*kLinks, {});
    (before == nullptr ? first_ : (before->*kLinks).next) = after;
    (after == nullptr ? last_ : (after->*kLinks).previous) = before;
    --size_;
    return std::move(holder);
  }
  void Swap(List& other) {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
  }
  void Clear() {
    while (first_ != nullptr) Remove(*first_);
  }

 private:
  Operation* first_ = nullptr;
  Operation* last_ = nullptr;
  size_t size_ = 0;
};

class IoRing::Lane {
 public:
  explicit Lane(size_t most) : limit(most) {}

  const size_t limit;
  uint64_t ring = 0;  // that it was used with first
  size_t taken = 0;   // by those that the kernel has, or is to have now
  Operation::List<&Operation::waiting> queue;  // for their turn
};

// The ring, and what is on its way to the kernel or with it.
class IoRing::Kernel {
 public:
  static constexpr unsigned kEntries = 256;  // that one call can submit

  // In a submission's user_data, beside an operation's address: cancels it, and
  // without an address all that there are.
  static constexpr uint64_t kCancels = 1;

  // A thread, and no other that comes after it; the lower half is its id.
  static uint64_t ThisThread();

  io_uring ring{};
  bool open = false;
  bool enabled = false;              // and its worker threads asked for
  std::atomic<uint64_t> thread = 0;  // that it belongs to; 0: to none yet
  Operation::List<&Operation::owning> owning;  // something
  Operation::List<&Operation::waiting> queue;  // for the submission queue
  Operation::List<&Operation::to_cancel> to_cancel;
  Operation::List<&Operation::cancelling> cancelling;
  Operation::List<&Operation::telling> ended;  // and somebody is to be told
  std::vector<Ticket> spare;  // that nobody knows, to be used again

  Kernel() { spare.reserve(kEntries); }

  // Opened by a process of which this is a child: it shares the queues.
  bool IsInherited() const { return forks_ != CountForks(); }
  bool IsMine() const {
    return !IsInherited() &&
           thread.load(std::memory_order_relaxed) == ThisThread();
  }
  // Its thread has, and with it whatever the kernel did in its name. (Not seen
  // while another thread has the same number.)
  bool OwnerHasEnded() const;

  Ticket NewOperation();
  void Recycle(Ticket operation);
  // Of a cancellation's user_data.
  void EndCancelling(uint64_t data);

 private:
  const uint32_t forks_ = CountForks();
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_IO_RING_STATE_H_
