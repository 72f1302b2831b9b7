#include "lib/uring/held_ranges.h"

#include <iterator>

namespace pagestall {

HeldRanges::Places::iterator HeldRanges::SplitAt(uint64_t place) {
  const auto next = holders_.lower_bound(place);
  if (next != holders_.end() && next->first == place) return next;
  const size_t holders = next == holders_.begin() ? 0 : std::prev(next)->second;
  return holders_.emplace_hint(next, place, holders);
}

// Forgets places where nothing changes.
void HeldRanges::Join(uint64_t begin, uint64_t end) {
  auto at = holders_.lower_bound(begin);
  size_t before = at == holders_.begin() ? 0 : std::prev(at)->second;
  while (at != holders_.end() && at->first <= end) {
    const size_t holders = at->second;
    at = holders == before ? holders_.erase(at) : std::next(at);
    before = holders;
  }
}

void HeldRanges::Hold(Range range) {
  const auto last = SplitAt(range.end);
  for (auto at = SplitAt(range.begin); at != last; ++at) ++at->second;
  Join(range.begin, range.end);
}

std::vector<HeldRanges::Range> HeldRanges::Release(Range range) {
  std::vector<Range> free;
  const auto last = SplitAt(range.end);
  for (auto at = SplitAt(range.begin); at != last; ++at) {
    if (--at->second > 0) continue;
    const uint64_t end = std::next(at)->first;
    if (!free.empty() && free.back().end == at->first) {
      free.back().end = end;
    } else {
      free.push_back({at->first, end});
    }
  }
  Join(range.begin, range.end);
  return free;
}

}  // namespace pagestall
