#ifndef PAGESTALL_TEST_BUS_ERROR_H_
#define PAGESTALL_TEST_BUS_ERROR_H_

#include <gtest/gtest.h>
#include <signal.h>

#include "test/sanitized.h"

namespace pagestall {

// For EXPECT_EXIT(): of a bus error, which a sanitizer reports and then ends
// the process.
inline bool DiedOfBusError(int status) {
  return kSanitized ? status != 0 : testing::KilledBySignal(SIGBUS)(status);
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_BUS_ERROR_H_
