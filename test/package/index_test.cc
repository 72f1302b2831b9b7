#include <gtest/gtest.h>
#include <pagestall/probe/expect_not_blocked.h>

#include <asio.hpp>
#include <thread>

using namespace std::chrono_literals;

asio::awaitable<void> Lookup(std::chrono::milliseconds sleep) {
  std::this_thread::sleep_for(sleep);  // as a page fault does
  asio::steady_timer timer(co_await asio::this_coro::executor, 50ms);
  co_await timer.async_wait(asio::use_awaitable);
}

TEST(Lookup, DoesNotBlock) {
  asio::io_context context;
  asio::co_spawn(context, Lookup(0ms), asio::detached);
  EXPECT_NOT_BLOCKED(5ms, context.run());
}

TEST(Lookup, Blocks) {
  asio::io_context context;
  asio::co_spawn(context, Lookup(50ms), asio::detached);
  EXPECT_NOT_BLOCKED(5ms, context.run());
}
