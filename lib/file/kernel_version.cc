#include "lib/file/kernel_version.h"

#include <sys/utsname.h>

#include <cstdio>

namespace pagestall {

std::pair<int, int> KernelVersion() {
  utsname kernel{};
  int major = 0;
  int minor = 0;
  if (uname(&kernel) != 0 ||
      std::sscanf(kernel.release, "%d.%d", &major, &minor) != 2) {
    return {0, 0};
  }
  return {major, minor};
}

}  // namespace pagestall
