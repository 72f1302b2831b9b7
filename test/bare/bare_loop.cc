// The strided sum written by hand, with nothing of the suite in it: what its
// rows are held against (test/bare/compare). Prints the window's nanoseconds
// and the sum.
//
//   bare_loop seq|threads mmap|read STRIDE FILE...

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>
#include <vector>

namespace {

struct Input {
  int fd;
  const uint8_t* map;
  size_t size;
  uint64_t sum;
};

void Check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::exit(1);
}

void SumMap(Input& in, size_t stride) {
  uint64_t sum = 0;
  for (size_t i = 0; i < in.size; i += stride) sum += in.map[i];
  in.sum = sum;
}

void SumRead(Input& in, size_t stride) {
  std::vector<uint8_t> buffer(65536);
  uint64_t sum = 0;
  size_t next = 0;
  size_t begin = 0;
  ssize_t count;
  while ((count = read(in.fd, buffer.data(), buffer.size())) > 0) {
    const size_t end = begin + static_cast<size_t>(count);
    for (; next < end; next += stride) sum += buffer[next - begin];
    begin = end;
  }
  Check(count == 0, "read");
  in.sum = sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr,
                 "usage: bare_loop seq|threads mmap|read STRIDE FILE...\n");
    return 2;
  }
  const bool threads = std::strcmp(argv[1], "threads") == 0;
  const bool map = std::strcmp(argv[2], "mmap") == 0;
  const size_t stride = std::strtoull(argv[3], nullptr, 10);
  std::vector<Input> inputs;
  for (int i = 4; i < argc; ++i) {
    Input in{};
    in.fd = open(argv[i], O_RDONLY);
    struct stat status {};
    Check(in.fd >= 0 && fstat(in.fd, &status) == 0, argv[i]);
    in.size = static_cast<size_t>(status.st_size);
    if (map) {
      void* address = mmap(nullptr, in.size, PROT_READ, MAP_SHARED, in.fd, 0);
      Check(address != MAP_FAILED, "mmap");
      in.map = static_cast<const uint8_t*>(address);
    }
    inputs.push_back(in);
  }

  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> workers;
  for (Input& in : inputs) {
    const auto work = [&in, map, stride] {
      map ? SumMap(in, stride) : SumRead(in, stride);
    };
    threads ? static_cast<void>(workers.emplace_back(work)) : work();
  }
  for (std::thread& worker : workers) worker.join();
  const std::chrono::nanoseconds time =
      std::chrono::steady_clock::now() - start;

  uint64_t sum = 0;
  for (const Input& in : inputs) sum += in.sum;
  std::cout << time.count() << ' ' << sum << '\n';
  return 0;
}
