#include "lib/file/exception_status.h"

#include <cerrno>
#include <exception>
#include <new>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"

namespace pagestall {
namespace {

// Asio has a category of its own for errno as well (asio/error.hpp).
bool IsErrno(const std::error_code& code) {
  const absl::string_view category = code.category().name();
  return category == "generic" || category == "system" ||
         category == "asio.system";
}

absl::Status Other(absl::string_view operation, const std::exception& error) {
  return absl::InternalError(absl::StrCat(operation, ": ", error.what()));
}

}  // namespace

absl::Status ExceptionStatus(absl::string_view operation) {
  try {
    throw;
  } catch (const std::bad_alloc& /*error*/) {
    return ErrnoStatus(ENOMEM, operation);
  } catch (const std::system_error& error) {
    if (!IsErrno(error.code())) return Other(operation, error);
    const int number = error.code().value();
    if (number != EAGAIN) return ErrnoStatus(number, operation);
    // Of a thread (pthread_create(3)): nothing that comes with another try.
    return absl::ResourceExhaustedError(
        ErrnoStatus(EAGAIN, operation, "",
                    "raise the limit of threads (ulimit -u, or pids.max of the "
                    "control group), or of memory for their stacks (ulimit "
                    "-v)")
            .message());
  } catch (const std::exception& error) {
    return Other(operation, error);
  } catch (...) {
    return absl::InternalError(absl::StrCat(operation, ": exception"));
  }
}

}  // namespace pagestall
