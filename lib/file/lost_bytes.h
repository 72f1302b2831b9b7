#ifndef PAGESTALL_LIB_FILE_LOST_BYTES_H_
#define PAGESTALL_LIB_FILE_LOST_BYTES_H_

#include <cstdint>

#include "absl/types/span.h"

namespace pagestall {

// The parts of this process's memory in which zeros stand for bytes that could
// not be read. Any thread, also in a handler of a signal; each call may wait
// for another thread's, which take microseconds and no other lock, and for a
// fork(2), which takes as long as copying the page tables does: of a large
// process, many milliseconds.

// Adds the bytes from `begin` to `end`, addresses. To be called before the
// zeros are put there: who reads those finds them here. Async-signal-safe in
// the handler of a fault, which cannot be one of these functions' own. False
// where there is no memory for it.
bool AddLostBytes(uintptr_t begin, uintptr_t end);

// The first of `bytes` that is lost; null if none is, or where there are none.
const uint8_t* FirstLostByte(absl::Span<const uint8_t> bytes);

// For bytes that are about to be unmapped, as who maps there next has lost
// none; and for those that have just been mapped, as who was there before may
// have unmapped them without a word.
void ForgetLostBytes(absl::Span<const uint8_t> bytes);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_LOST_BYTES_H_
