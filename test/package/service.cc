#include <pagestall/probe/executor_probe.h>

#include <asio.hpp>
#include <iostream>

asio::awaitable<void> Watch(pagestall::ExecutorProbe& probe) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (probe.Start();; std::cerr << probe.Take().ToString() << std::endl) {
    timer.expires_after(std::chrono::seconds(1));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

int main() {
  asio::io_context context;
  pagestall::ExecutorProbe probe(context.get_executor());
  asio::co_spawn(context, Watch(probe), asio::detached);
  context.run();
}
