#ifndef PAGESTALL_TEST_PAGE_H_
#define PAGESTALL_TEST_PAGE_H_

#include <cstddef>

namespace pagestall {

// What tests make files of, in bytes. A page of memory may hold several.
inline constexpr size_t kPage = 4096;

}  // namespace pagestall

#endif  // PAGESTALL_TEST_PAGE_H_
