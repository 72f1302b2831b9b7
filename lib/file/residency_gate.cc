#include "lib/file/residency_gate.h"

#include <algorithm>

#include "lib/file/page_cache.h"

namespace pagestall {
namespace {

// More than a reader ahead of us can have under way: twice the largest
// read-ahead that is in use.
constexpr uint64_t kHorizon = uint64_t{16} << 20;

}  // namespace

ResidencyGate::ResidencyGate(const File& file, const Mapping& mapping)
    : file_(file), mapping_(mapping), told_(MincoreTellsTruth(file)) {
  // Whether these calls may be made is asked here rather than on an executor.
  if (mapping.bytes().empty()) return;
  Cached(0, 1);
  CountReadyBytes(mapping.At(0, 1)).IgnoreError();
}

bool ResidencyGate::Cached(uint64_t offset, uint64_t size) const {
  const absl::StatusOr<bool> cached = AllCached(file_, offset, size);
  return cached.ok() && *cached;
}

// Whoever reads ahead of us, what he has not begun to read is not cached.
bool ResidencyGate::NobodyReadsAhead() const {
  const uint64_t last = mapping_.bytes().size() - 1;
  return Cached(std::min(next_ + kHorizon, last), 1);
}

size_t ResidencyGate::Ready(uint64_t offset, size_t size) {
  if (!told_ || size == 0) return 0;
  const bool in_order = offset == next_;
  next_ = offset + size;
  if (!in_order) settled_ = false;
  if (settled_ && Cached(offset, size) && NobodyReadsAhead()) {
    return size;
  }
  const absl::StatusOr<size_t> ready =
      CountReadyBytes(mapping_.At(offset, size));
  if (!ready.ok()) return 0;
  // Not so near the end that his read-ahead may have begun all that is left.
  settled_ = in_order && *ready == size &&
             next_ + kHorizon < mapping_.bytes().size() && NobodyReadsAhead();
  return *ready;
}

}  // namespace pagestall
