#ifndef PAGESTALL_LIB_SOURCE_OFFLOAD_H_
#define PAGESTALL_LIB_SOURCE_OFFLOAD_H_

#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

namespace pagestall {

// Runs `function` on the worker's thread while the awaiting coroutine's
// executor runs others; the await yields its result. The coroutine itself never
// leaves its executor. `function` must not throw, and what it refers to must
// live until the await returns.
template <typename Function>
asio::awaitable<std::invoke_result_t<Function&>> Offload(
    asio::io_context::executor_type worker, Function function) {
  using Result = std::invoke_result_t<Function&>;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto start = [&worker, &executor, &function](auto handler) {
    asio::post(worker,
               [executor, &function, handler = std::move(handler)]() mutable {
                 asio::post(executor, [handler = std::move(handler),
                                       result = function()]() mutable {
                   std::move(handler)(std::move(result));
                 });
               });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>,
                                          void(Result)>(start,
                                                        asio::use_awaitable);
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_OFFLOAD_H_
