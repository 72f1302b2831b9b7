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
// Of 16 different dispositions that are found in the life of the process;
// before a further one no handler is put, and what would be claimed goes there.
// Where handlers of others have left so that they pass on in a circle, a signal
// that comes round ends the process, as by default. Two threads that install
// handlers of others at the moment of this call may lose one of theirs.
//
// Calls are counted. Any thread; may wait for another thread's call. A shared
// object that has this code must not be unloaded (dlclose(3)): what was found
// by others stays with them.
void InstallBusErrorHandler(bool (*claims)(const siginfo_t& info));

// The last call puts the former disposition back, unless somebody has installed
// one of their own since: that stays. As it may pass on to ours, which it has
// found, ours stays as well, and passes all on. A handler that passes nothing
// on takes the faults; the next InstallBusErrorHandler() goes before it again.
void RemoveBusErrorHandler();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_BUS_ERROR_HANDLER_H_
