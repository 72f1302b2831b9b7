#ifndef PAGESTALL_TEST_OPEN_ONES_H_
#define PAGESTALL_TEST_OPEN_ONES_H_

#include <fcntl.h>

#include <cstdint>
#include <vector>

#include "lib/file/file.h"
#include "test/temporary_directory.h"

namespace pagestall {

// Writes a file "file" of so many bytes, all 1, and opens it to read and write.
inline File OpenOnes(const TemporaryDirectory& directory, size_t bytes) {
  return File::Open(directory.Write("file", std::vector<uint8_t>(bytes, 1)),
                    O_RDWR)
      .value();
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_OPEN_ONES_H_
