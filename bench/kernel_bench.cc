// The ceiling: how fast the strided sum is over memory that is resident and
// mapped, by the library's loop and by the alternatives to it.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <iterator>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "bench/run/suite.h"
#include "fixtures/dataset/content.h"
#include "lib/file/memory_limits.h"
#include "lib/kernel/strided_sum.h"

ABSL_FLAG(int64_t, mib, 2048,
          "memory to sum over, in MiB; large against the CPU's caches");

namespace pagestall {
namespace {

using Bytes = absl::Span<const uint8_t>;

uint64_t Plain(Bytes bytes, uint64_t stride) {
  uint64_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += stride) sum += bytes[i];
  return sum;
}

uint64_t FourSums(Bytes bytes, uint64_t stride) {
  uint64_t sums[4] = {};
  size_t i = 0;
  for (; i + 3 * stride < bytes.size(); i += 4 * stride) {
    for (size_t k = 0; k < 4; ++k) sums[k] += bytes[i + k * stride];
  }
  for (; i < bytes.size(); i += stride) sums[0] += bytes[i];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

// Prefetches `kAhead` samples ahead, into L1 (kLocality 3) or L2 (2) as the
// loop's name says.
template <size_t kSums, size_t kAhead, int kLocality>
uint64_t Prefetch(Bytes bytes, uint64_t stride) {
  const size_t ahead = kAhead * stride;
  uint64_t sums[kSums] = {};
  size_t i = 0;
  for (; i + ahead + (kSums - 1) * stride < bytes.size(); i += kSums * stride) {
    for (size_t k = 0; k < kSums; ++k) {
      __builtin_prefetch(&bytes[i + ahead + k * stride], 0, kLocality);
    }
    for (size_t k = 0; k < kSums; ++k) sums[k] += bytes[i + k * stride];
  }
  for (; i < bytes.size(); i += stride) sums[0] += bytes[i];
  return std::accumulate(std::begin(sums), std::end(sums), uint64_t{0});
}

#if defined(__SSE2__)
// Stride 1 only: PSADBW adds eight bytes at once.
uint64_t Psadbw(Bytes bytes, uint64_t /*stride*/) {
  constexpr size_t kLine = 64;
  constexpr size_t kAheadBytes = 16 * kLine;
  const __m128i zero = _mm_setzero_si128();
  __m128i sums[2] = {zero, zero};
  size_t i = 0;
  for (; i + kAheadBytes + kLine <= bytes.size(); i += kLine) {
    __builtin_prefetch(&bytes[i + kAheadBytes]);
    for (size_t k = 0; k < 4; ++k) {
      const __m128i sixteen =
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(&bytes[i + 16 * k]));
      sums[k % 2] = _mm_add_epi64(sums[k % 2], _mm_sad_epu8(sixteen, zero));
    }
  }
  alignas(16) uint64_t halves[2];
  _mm_store_si128(reinterpret_cast<__m128i*>(halves),
                  _mm_add_epi64(sums[0], sums[1]));
  uint64_t sum = halves[0] + halves[1];
  for (; i < bytes.size(); ++i) sum += bytes[i];
  return sum;
}
#endif

struct Loop {
  const char* name;
  uint64_t least_stride;  // that it makes sense for
  uint64_t most_stride;
  uint64_t (*sum)(Bytes bytes, uint64_t stride);
};

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kLine = 64;  // below, prefetches would name a line twice

constexpr Loop kLoops[] = {
    {"library", 1, kNoLimit, SumEvery},
    {"plain", 1, kNoLimit, Plain},
    {"four_sums", 1, kNoLimit, FourSums},
    {"l1_16", kLine, kNoLimit, Prefetch<1, 16, 3>},
    {"l2_16", kLine, kNoLimit, Prefetch<1, 16, 2>},
    {"l2_64", kLine, kNoLimit, Prefetch<1, 64, 2>},
    {"four_sums_l1_16", kLine, kNoLimit, Prefetch<4, 16, 3>},
    {"four_sums_l2_16", kLine, kNoLimit, Prefetch<4, 16, 2>},
    {"four_sums_l2_64", kLine, kNoLimit, Prefetch<4, 64, 2>},
#if defined(__SSE2__)
    {"psadbw", 1, 1, Psadbw},
#endif
};

constexpr uint64_t kStrides[] = {1, 64, 512, 4096, 65536};

class KernelRows final : public Suite {
 public:
  const char* Question() const override {
    return "How fast can a strided sum be over memory that is resident, and is "
           "the\nlibrary's loop that fast?";
  }

  void RegisterRows(Rows& rows) override {
    const auto most = static_cast<int64_t>(MachineMemoryBytes() >> 20);
    const int64_t mib = absl::GetFlag(FLAGS_mib);
    if (mib < 1 || (most > 0 && mib > most)) {
      rows.flags().Add(absl::InvalidArgumentError(absl::StrCat(
          "--mib=", mib, ": must be from 1 to this machine's memory, ", most)));
    }
    size_ = static_cast<uint64_t>(mib) << 20;
    for (const uint64_t stride : kStrides) {
      for (const Loop& loop : kLoops) {
        if (stride < loop.least_stride || stride > loop.most_stride) continue;
        const std::string name = absl::StrCat("kernel/loop:", loop.name,
                                              "/stride:", stride, "/mib:", mib);
        rows.Add(name, RowTime::kWall,
                 [this, loop, stride](benchmark::State& state) {
                   return Run(state, loop, stride);
                 });
      }
    }
  }

  // Filling makes every page resident and mapped.
  absl::Status Prepare(DatasetObserver& /*observer*/) override {
    memory_.resize(size_);
    content_.Fill(absl::MakeSpan(memory_), 0);
    return absl::OkStatus();
  }

 private:
  absl::Status Run(benchmark::State& state, const Loop& loop,
                   uint64_t stride) const {
    uint64_t sum = 0;
    for (auto _ : state) {
      sum = loop.sum(memory_, stride);
      benchmark::DoNotOptimize(sum);
    }
    if (const uint64_t expected = content_.Sum(size_, stride);
        sum != expected) {
      return absl::DataLossError(
          absl::StrCat("wrong sum: ", sum, " instead of ", expected));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size_));
    return absl::OkStatus();
  }

  FileContent content_{/*seed=*/1, /*file=*/0};
  uint64_t size_ = 0;
  std::vector<uint8_t> memory_;
};

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::KernelRows kernel;
  return pagestall::RunSuite(argc, argv, kernel);
}
