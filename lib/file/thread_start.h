#ifndef PAGESTALL_LIB_FILE_THREAD_START_H_
#define PAGESTALL_LIB_FILE_THREAD_START_H_

#include <signal.h>
#include <sys/syscall.h>

#include <cerrno>
#include <system_error>

#include "lib/file/survives.h"

namespace pagestall {

// To be called before a std::thread is made: throws what that throws where a
// sandbox refuses it, should one kill for it instead. Such a one knows clone(2)
// but not clone3(2), which the C library starts threads by (glibc 2.34).
inline void CheckThreadMayStart() {
#ifdef SYS_clone3
  // The C library blocks every signal for the call, SIGSYS as well.
  static const bool survives = [] {
    sigset_t every;
    sigset_t former;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &former);
    const bool answer = !MayAskFirst() || SurvivesCall<SYS_clone3>();
    pthread_sigmask(SIG_SETMASK, &former, nullptr);
    return answer;
  }();
  if (!survives) {
    throw std::system_error(EPERM, std::generic_category());
  }
#endif
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_THREAD_START_H_
