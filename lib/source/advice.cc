#include "lib/source/advice.h"

#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pagestall {
namespace {

// One call begins to read no more than the larger of the device's read-ahead
// and its largest request (force_page_cache_ra() in the kernel's
// mm/readahead.c), so a whole file takes many. This is Linux's usual
// read-ahead.
constexpr size_t kPieceBytes = size_t{128} << 10;

template <int kAdvice>
absl::Status AdviseFile(const File& file) {
  return file.Advise(kAdvice);
}

template <absl::Status (File::*kAsk)(uint64_t offset, uint64_t size) const>
absl::Status AskPiecewise(const File& file) {
  const absl::StatusOr<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  for (uint64_t offset = 0; offset < *size; offset += kPieceBytes) {
    absl::Status status = (file.*kAsk)(offset, kPieceBytes);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadAheadAtOnce(const File& file) {
  const absl::StatusOr<uint64_t> size = file.Size();
  return size.ok() ? file.ReadAhead(0, *size) : size.status();
}

absl::Status MapPopulated(const File& file, Mapping& mapping) {
  absl::StatusOr<Mapping> populated = Mapping::MapPopulated(file);
  if (!populated.ok()) return populated.status();
  mapping = *std::move(populated);
  return absl::OkStatus();
}

template <absl::Status (*kAdvise)(absl::Span<const uint8_t> bytes)>
absl::Status AdviseMapping(const File& /*file*/, Mapping& mapping) {
  return kAdvise(mapping.bytes());
}

}  // namespace

absl::Span<const Advice> Advices() {
  static constexpr Advice kAdvices[] = {
      {.name = "sequential", .to_mapping = AdviseMapping<AdviseSequential>},
      {.name = "random", .to_mapping = AdviseMapping<AdviseRandom>},
      {.name = "hugepage", .to_mapping = AdviseMapping<AdviseHugePages>},
      {.name = "willneed",
       .reads = true,
       .to_mapping = AdviseMapping<AdviseWillNeed>},
      {.name = "populate_read",
       .reads = true,
       .to_mapping = AdviseMapping<PopulateRead>},
      {.name = "collapse",
       .reads = true,
       .to_mapping = AdviseMapping<Collapse>},
      {.name = "map_populate", .reads = true, .to_mapping = MapPopulated},
      {.name = "fadv_sequential", .to_file = AdviseFile<POSIX_FADV_SEQUENTIAL>},
      {.name = "fadv_random", .to_file = AdviseFile<POSIX_FADV_RANDOM>},
      {.name = "fadv_willneed",
       .reads = true,
       .to_file = AskPiecewise<&File::AdviseWillNeed>},
      {.name = "readahead",
       .reads = true,
       .to_file = AskPiecewise<&File::ReadAhead>},
      {.name = "readahead_once", .reads = true, .to_file = ReadAheadAtOnce},
  };
  return kAdvices;
}

absl::Status AdviceToGive::Give(const File& file, Mapping* mapping) {
  const Advice& advice = *std::exchange(advice_, nullptr);
  if (advice.to_file != nullptr) return advice.to_file(file);
  if (mapping != nullptr) return advice.to_mapping(file, *mapping);
  return absl::InvalidArgumentError(absl::StrCat(
      "advice ", advice.name, " is about a mapping and there is none"));
}

}  // namespace pagestall
