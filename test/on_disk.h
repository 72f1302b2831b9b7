#ifndef PAGESTALL_TEST_ON_DISK_H_
#define PAGESTALL_TEST_ON_DISK_H_

#include <fcntl.h>
#include <gtest/gtest.h>

#include "lib/file/page_cache.h"

// For tests of eviction, which a build directory on tmpfs cannot run.
#define SKIP_IF_IN_MEMORY(directory)                                     \
  if (auto file = ::pagestall::File::Open(directory, O_RDONLY);          \
      !file.ok() || !::pagestall::CheckEvictable(*file).ok()) {          \
    GTEST_SKIP() << "the build directory is on a file system in memory"; \
  }                                                                      \
  static_assert(true)

#endif  // PAGESTALL_TEST_ON_DISK_H_
