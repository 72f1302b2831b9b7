#ifndef PAGESTALL_LIB_PROBE_MILLISECONDS_H_
#define PAGESTALL_LIB_PROBE_MILLISECONDS_H_

#include <chrono>

namespace pagestall {

// For messages, with fractions.
inline double Milliseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_PROBE_MILLISECONDS_H_
