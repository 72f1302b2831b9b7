#ifndef PAGESTALL_LIB_SOURCE_URING_H_
#define PAGESTALL_LIB_SOURCE_URING_H_

#include "lib/source/ring_read.h"

namespace pagestall {

// What a service does that reads its files with io_uring.
using UringSource = RingReadSource<0>;

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_URING_H_
