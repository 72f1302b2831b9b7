#include <pagestall/uring/awaited_mapping.h>

#include <asio.hpp>
#include <iostream>
#include <numeric>

// Adds up a file's bytes; prints the sum, or why there is none.
asio::awaitable<void> Sum(pagestall::AwaitedMapping& file) {
  constexpr size_t kRange = 2 << 20;
  uint64_t sum = 0;
  for (uint64_t offset = 0; offset < file.size(); offset += kRange) {
    auto bytes = co_await file.Await(offset, kRange);
    if (!bytes.ok()) {
      std::cerr << bytes.status() << std::endl;
      co_return;
    }
    sum = std::accumulate(bytes->begin(), bytes->end(), sum);
  }
  std::cout << sum << std::endl;
}

int main(int /*argc*/, char** argv) {
  asio::io_context context;
  auto ring = pagestall::Ring::Open(context.get_executor());
  if (!ring.ok()) {
    std::cerr << ring.status() << std::endl;
    return 1;
  }
  auto file = pagestall::AwaitedMapping::Open(argv[1], **ring, {});
  if (!file.ok()) {
    std::cerr << file.status() << std::endl;
    return 1;
  }
  asio::co_spawn(context, Sum(**file), asio::detached);
  context.run();
}
