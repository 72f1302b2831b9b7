#ifndef PAGESTALL_LIB_FILE_UNCANCELLED_H_
#define PAGESTALL_LIB_FILE_UNCANCELLED_H_

#include <pthread.h>

namespace pagestall {

// While one lives, no call cancels its thread (pthread_cancel(3)): for
// destructors, which a cancellation cannot leave but by std::terminate(). It
// takes effect later.
class Uncancelled {
 public:
  Uncancelled() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~Uncancelled() { pthread_setcancelstate(before_, nullptr); }
  Uncancelled(const Uncancelled&) = delete;
  Uncancelled& operator=(const Uncancelled&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_UNCANCELLED_H_
