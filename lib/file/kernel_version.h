#ifndef PAGESTALL_LIB_FILE_KERNEL_VERSION_H_
#define PAGESTALL_LIB_FILE_KERNEL_VERSION_H_

#include <utility>

namespace pagestall {

// Of the kernel that runs, major and minor (uname(2)): for what it does wrong
// and no call tells. {0, 0} where it has another kind of name. Any thread.
std::pair<int, int> KernelVersion();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_FILE_KERNEL_VERSION_H_
