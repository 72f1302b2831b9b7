// Makes a dataset and prints the seconds that took: what fio's writing is held
// against (test/bare/compare_fio writing), and a process that tests can kill.
//
//   make_dataset DIRECTORY FILES BYTES_PER_FILE SEED

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "fixtures/dataset/dataset.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr,
                 "usage: make_dataset DIRECTORY FILES BYTES_PER_FILE SEED\n");
    return 2;
  }
  pagestall::DatasetObserver observer;
  const auto start = std::chrono::steady_clock::now();
  const auto dataset = pagestall::Dataset::Open(
      {.directory = argv[1],
       .seed = std::strtoull(argv[4], nullptr, 10),
       .files = std::strtoull(argv[2], nullptr, 10),
       .file_bytes = std::strtoull(argv[3], nullptr, 10)},
      observer);
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  if (!dataset.ok()) {
    std::fprintf(stderr, "%s\n", dataset.status().ToString().c_str());
    return 1;
  }
  std::printf("%f\n", elapsed.count());
  return 0;
}
