#ifndef PAGESTALL_TEST_SANITIZED_H_
#define PAGESTALL_TEST_SANITIZED_H_

namespace pagestall {

// Whether memory is a sanitizer's, which holds more of it, and for longer, than
// the code asks for.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// Why the threads of a sanitized process cannot be counted.
inline constexpr const char* kOwnThread =
    "a sanitizer's own thread works meanwhile";

}  // namespace pagestall

#endif  // PAGESTALL_TEST_SANITIZED_H_
