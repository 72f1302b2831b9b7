#ifndef PAGESTALL_TEST_URING_RUN_COROUTINE_H_
#define PAGESTALL_TEST_URING_RUN_COROUTINE_H_

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace pagestall {

// Runs the context until it has no work; returns what the coroutine has.
template <typename Result>
Result RunCoroutine(asio::io_context& context,
                    asio::awaitable<Result> coroutine) {
  std::optional<Result> result;
  asio::co_spawn(context, std::move(coroutine),
                 [&](const std::exception_ptr& error, Result value) {
                   if (error) std::rethrow_exception(error);
                   result = std::move(value);
                 });
  context.restart();
  context.run();
  return *std::move(result);
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_URING_RUN_COROUTINE_H_
