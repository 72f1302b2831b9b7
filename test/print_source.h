#ifndef PAGESTALL_TEST_PRINT_SOURCE_H_
#define PAGESTALL_TEST_PRINT_SOURCE_H_

#include <ostream>

#include "lib/source/source.h"

namespace pagestall {

// For GoogleTest's messages.
inline void PrintTo(const Source& source, std::ostream* out) {
  *out << "io:" << source.name;
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_PRINT_SOURCE_H_
