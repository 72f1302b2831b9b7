#include "lib/probe/cpu_reference.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace pagestall {
namespace {

constexpr size_t kWords = size_t{1} << 16;  // 512 KiB
constexpr int kRounds = 30;

// Taken when the process begins: memory of no scan.
const std::vector<uint64_t>& kNumbers = *new std::vector<uint64_t>(kWords, 1);

}  // namespace

std::chrono::nanoseconds TimeCpuReference() {
  const auto sum = [] {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // anew each time
    return std::accumulate(kNumbers.begin(), kNumbers.end(), uint64_t{0});
  };
  volatile uint64_t sink = sum();  // brings them into the caches
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round) sink = sum();
  const auto end = std::chrono::steady_clock::now();
  static_cast<void>(sink);
  return end - begin;
}

}  // namespace pagestall
