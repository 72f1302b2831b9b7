#ifndef PAGESTALL_TEST_STATUS_MATCHERS_H_
#define PAGESTALL_TEST_STATUS_MATCHERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pagestall {

using enum absl::StatusCode;

inline const absl::Status& ToStatus(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& ToStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << ToStatus(arg).ToString();
  return ToStatus(arg).ok();
}

MATCHER_P(IsOkAndHolds, value, "is OK and has the value") {
  *result_listener << ToStatus(arg).ToString() << ' ';
  return arg.ok() && testing::ExplainMatchResult(value, *arg, result_listener);
}

// An error of this code whose message matches.
MATCHER_P2(IsError, code, message,
           "is an error " + absl::StatusCodeToString(code) + " whose message " +
               testing::DescribeMatcher<std::string>(message, negation)) {
  *result_listener << ToStatus(arg).ToString();
  return ToStatus(arg).code() == code &&
         testing::Value(std::string(ToStatus(arg).message()), message);
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_STATUS_MATCHERS_H_
