#include <fcntl.h>
#include <pagestall/file/file.h>
#include <pagestall/file/shared_buffer.h>
#include <pagestall/uring/ring.h>

#include <asio.hpp>
#include <iostream>
#include <memory>

// Prints a file's first line, or why it cannot be read.
asio::awaitable<void> Head(pagestall::Ring& ring, pagestall::File file) {
  pagestall::SharedBuffer line(pagestall::PageBuffer(80));
  auto read = co_await ring.Read(
      std::make_shared<const pagestall::File>(std::move(file)), line, 0);
  if (!read.ok()) {
    std::cerr << read.status() << std::endl;
    co_return;
  }
  for (uint8_t byte : line.bytes().first(*read)) {
    if (byte == '\n') break;
    std::cout << static_cast<char>(byte);
  }
  std::cout << std::endl;
}

int main(int /*argc*/, char** argv) {
  asio::io_context context;
  auto ring = pagestall::Ring::Open(context.get_executor());
  auto file = pagestall::File::Open(argv[1], O_RDONLY);
  if (!ring.ok() || !file.ok()) {
    std::cerr << ring.status() << ", " << file.status() << std::endl;
    return 1;
  }
  asio::co_spawn(context, Head(**ring, *std::move(file)), asio::detached);
  context.run();
}
