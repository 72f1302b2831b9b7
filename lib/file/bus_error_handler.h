#ifndef PAGESTALL_LIB_FILE_BUS_ERROR_HANDLER_H_
#define PAGESTALL_LIB_FILE_BUS_ERROR_HANDLER_H_

#include <signal.h>

namespace pagestall {

// Puts a handler in front of the process's disposition of SIGBUS
// (sigaction(2)). It asks `claims` of each SIGBUS, on the thread that has it;
// that must be async-signal-safe, and always the same function. What it does
// not claim gets what it would have got: the disposition that was found is
// followed as the kernel would, with its mask and flags (but for SA_ONSTACK: a
// handler that has none also runs on a thread's alternate stack).
//
// Calls are counted. Any thread; may wait for another thread's call.
void InstallBusErrorHandler(bool (*claims)(const siginfo_t& info));

// The last call puts the former disposition back, unless somebody has installed
// one of their own since: that stays. As it may pass on to ours, which it has
// found, ours stays as well, and passes all on. A handler that passes nothing
// on takes the faults; the next InstallBusErrorHandler() goes before it again.
void RemoveBusErrorHandler();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_BUS_ERROR_HANDLER_H_
