#include "lib/file/exception_status.h"

#include <asio/error.hpp>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

#include "test/status_matchers.h"

namespace pagestall {
namespace {

using testing::StartsWith;

// Of what throws.
template <typename Exception>
absl::Status Thrown(const Exception& exception) {
  return Caught("work", [&]() -> absl::Status { throw exception; });
}

TEST(ExceptionStatus, SaysWhatIsShortAndWhatToDo) {
  EXPECT_THAT(
      Thrown(std::system_error(EMFILE, std::system_category(), "epoll")),
      IsError(absl::StatusCode::kResourceExhausted,
              StartsWith("work: Too many open files; raise the limit of ")));
  EXPECT_THAT(
      Thrown(std::system_error(EMFILE, asio::error::get_system_category())),
      IsError(absl::StatusCode::kResourceExhausted,
              StartsWith("work: Too many open files; raise the limit of ")));
  EXPECT_THAT(
      Thrown(std::system_error(EAGAIN, std::generic_category())),
      IsError(
          absl::StatusCode::kResourceExhausted,
          StartsWith("work: Resource temporarily unavailable; raise the ")));
  EXPECT_THAT(
      Thrown(std::bad_alloc()),
      IsError(absl::StatusCode::kResourceExhausted,
              StartsWith("work: Cannot allocate memory; raise the limit of ")));
}

TEST(ExceptionStatus, SaysWhatElseWasThrown) {
  EXPECT_THAT(
      Thrown(std::logic_error("nonsense")),
      IsError(absl::StatusCode::kInternal, StartsWith("work: nonsense")));
  static_assert(asio::error::eof == ENOENT);
  EXPECT_THAT(
      Thrown(std::system_error(asio::error::make_error_code(asio::error::eof))),
      IsError(absl::StatusCode::kInternal, StartsWith("work: End of file")));
  EXPECT_THAT(Thrown(1),
              IsError(absl::StatusCode::kInternal, StartsWith("work: ")));
}

TEST(ExceptionStatus, LeavesWhatIsReturnedAlone) {
  EXPECT_EQ(Caught("work", [] { return absl::StatusOr<int>(7); }).value(), 7);
  EXPECT_THAT(Caught("work", [] { return absl::NotFoundError("no"); }),
              IsError(absl::StatusCode::kNotFound, testing::Eq("no")));
}

}  // namespace
}  // namespace pagestall
