#include "bench/rows/scan_flags.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/file/errno_status.h"
#include "lib/source/sources.h"

ABSL_FLAG(int64_t, stride, 512, "sum every stride-th byte of each file");
ABSL_FLAG(int64_t, buffer_kib, 64,
          "buffer of one read in KiB (rows with buffer_kib)");
ABSL_FLAG(
    int64_t, chunk_kib, 0,
    "chunk of a mapping or of a large read in KiB (rows with chunk_kib);\n"
    "      0: what is best for each io");
ABSL_FLAG(int64_t, ahead, 0,
          "how many chunks are brought in beyond the one in use (rows with "
          "ahead);\n      0: what is best for each io");
ABSL_FLAG(int64_t, yield_kib, 64,
          "rows that yield to the executor do so every so many KiB; 0: no such "
          "rows");
ABSL_FLAG(
    std::string, slow_down, "",
    "SOURCE:PERCENT, as in read:20: every scan by io:SOURCE takes PERCENT "
    "longer, to see\n      that a gate finds it. No measurement: the "
    "report's context has slow_down. What\n      is not the time of a "
    "scan (a stall, a latency) stays");

namespace pagestall {
namespace {

constexpr int64_t kMaxStride = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxBufferKib = int64_t{1} << 20;
constexpr int64_t kPageKib = 4;
constexpr int64_t kMaxAhead = 1024;
constexpr int kMaxSlowDownPct = 1000;

absl::StatusOr<std::optional<SlowDown>> ParseSlowDown(
    const std::string& value) {
  if (value.empty()) return std::optional<SlowDown>();
  const std::pair<std::string, std::string> halves =
      absl::StrSplit(value, absl::MaxSplits(':', 1));
  const std::string& source = halves.first;
  const auto refuse = [&](const auto&... why) {
    return absl::InvalidArgumentError(
        absl::StrCat("--slow_down=", QuotedPath(value), ": ", why...));
  };
  int percent;
  if (!absl::SimpleAtoi(halves.second, &percent) || percent < 1 ||
      percent > kMaxSlowDownPct) {
    return refuse("must be SOURCE:PERCENT, PERCENT a whole number from 1 to ",
                  kMaxSlowDownPct);
  }
  const absl::Span<const Source> sources = Sources();
  if (std::none_of(sources.begin(), sources.end(),
                   [&](const Source& one) { return one.name == source; })) {
    return refuse(
        "no such source; there are ",
        absl::StrJoin(sources, ", ", [](std::string* out, const Source& one) {
          absl::StrAppend(out, one.name);
        }));
  }
  return SlowDown{.source = source, .percent = percent};
}

}  // namespace

ScanOptions ReadScanOptions(FlagReader& flags) {
  const auto bytes = [](int64_t kib) { return static_cast<size_t>(kib) << 10; };
  ScanOptions options;
  options.data = ReadDatasetOptions(flags);
  ScanSpec& scan = options.scan;
  scan.stride = static_cast<uint64_t>(flags.Read(FLAGS_stride, 1, kMaxStride));
  scan.source_options = {
      .buffer_bytes = bytes(flags.Read(FLAGS_buffer_kib, 1, kMaxBufferKib)),
      .chunk_bytes =
          bytes(flags.Read(FLAGS_chunk_kib, 0, kMaxBufferKib, kPageKib)),
      .ahead = static_cast<size_t>(flags.Read(FLAGS_ahead, 0, kMaxAhead))};
  scan.yield_bytes = bytes(flags.Read(FLAGS_yield_kib, 0, kMaxBufferKib));
  options.slow_down = flags.Take(ParseSlowDown(absl::GetFlag(FLAGS_slow_down)));
  return options;
}

}  // namespace pagestall
