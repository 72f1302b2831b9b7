#ifndef PAGESTALL_LIB_URING_IO_TASK_H_
#define PAGESTALL_LIB_URING_IO_TASK_H_

#include "io_ring.h"

namespace pagestall {

// What takes several operations of a ring, one after the other. It says which
// one is to be waited for; how, is the event loop's:
//
//   for (auto next = task.Begin(ring); next != nullptr;
//        next = task.GoOn(ring, result))
//     ...  // until the ring tells the result of `next`
//
// Threads: the ring's. Lifetime: the task's own; what the kernel uses is the
// operations'. Cancellation: cancel `next`, and the task ends with Cancelled.
// Whoever destroys a task that has not ended abandons `next`.
class IoTask {
 public:
  virtual ~IoTask() = default;

  // Null: the task has ended. `ring` is null when it has gone, and then so may
  // the task have.
  virtual IoRing::Ticket Begin(IoRing* ring) = 0;
  virtual IoRing::Ticket GoOn(IoRing* ring, int result) = 0;

 protected:
  IoTask() = default;
  IoTask(const IoTask&) = default;
  IoTask(IoTask&&) = default;
  IoTask& operator=(const IoTask&) = default;
  IoTask& operator=(IoTask&&) = default;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_IO_TASK_H_
