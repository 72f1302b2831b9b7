#include "lib/file/exception_status.h"

#include <cerrno>
#include <exception>
#include <new>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"

namespace pagestall {

absl::Status ExceptionStatus(absl::string_view operation) {
  try {
    throw;
  } catch (const std::bad_alloc& /*error*/) {
    return ErrnoStatus(ENOMEM, operation);
  } catch (const std::system_error& error) {
    const int number = error.code().value();
    if (number != EAGAIN) return ErrnoStatus(number, operation);
    // Of a thread (pthread_create(3)): nothing that comes with another try.
    return absl::ResourceExhaustedError(
        ErrnoStatus(EAGAIN, operation, "",
                    "raise the limit of threads (ulimit -u, or pids.max of the "
                    "control group)")
            .message());
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(operation, ": ", error.what()));
  } catch (...) {
    return absl::InternalError(absl::StrCat(operation, ": exception"));
  }
}

}  // namespace pagestall
