#include "lib/file/exception_status.h"

#include <asio/error.hpp>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

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
  const std::pair<absl::Status, std::string> cases[] = {
      {Thrown(std::system_error(EMFILE, std::system_category(), "epoll")),
       "Too many open files"},
      {Thrown(std::system_error(EMFILE, asio::error::get_system_category())),
       "Too many open files"},
      {Thrown(std::system_error(EAGAIN, std::generic_category())),
       "Resource temporarily unavailable"},
      {Thrown(std::bad_alloc()), "Cannot allocate memory"}};
  for (const auto& [status, cause] : cases) {
    EXPECT_THAT(status, IsError(kResourceExhausted,
                                StartsWith("work: " + cause + "; raise the ")));
  }
}

TEST(ExceptionStatus, SaysWhatElseWasThrown) {
  EXPECT_THAT(Thrown(std::logic_error("nonsense")),
              IsError(kInternal, StartsWith("work: nonsense")));
  static_assert(asio::error::eof == ENOENT);
  EXPECT_THAT(
      Thrown(std::system_error(asio::error::make_error_code(asio::error::eof))),
      IsError(kInternal, StartsWith("work: End of file")));
  EXPECT_THAT(Thrown(1), IsError(kInternal, StartsWith("work: ")));
}

TEST(ExceptionStatus, LeavesWhatIsReturnedAlone) {
  EXPECT_EQ(Caught("work", [] { return absl::StatusOr<int>(7); }).value(), 7);
  EXPECT_THAT(Caught("work", [] { return absl::NotFoundError("no"); }),
              IsError(kNotFound, testing::Eq("no")));
}

}  // namespace
}  // namespace pagestall
