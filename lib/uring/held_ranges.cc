#include "lib/uring/held_ranges.h"

#include <iterator>

namespace pagestall {

HeldRanges::Places::iterator HeldRanges::SplitAt(uint64_t place) {
  const auto next = places_.lower_bound(place);
  if (next != places_.end() && next->first == place) return next;
  const size_t holders =
      next == places_.begin() ? 0 : std::prev(next)->second.holders;
  return places_.emplace_hint(next, place, Place{.holders = holders});
}

void HeldRanges::Join(Places::iterator end) {
  if (--end->second.ends == 0) places_.erase(end);
}

void HeldRanges::Hold(Range range) {
  const auto last = SplitAt(range.end);
  const auto first = SplitAt(range.begin);
  ++first->second.ends;
  ++last->second.ends;
  for (auto at = first; at != last; ++at) ++at->second.holders;
}

void HeldRanges::Release(Range range, absl::FunctionRef<void(Range)> free) {
  const auto first = places_.find(range.begin);
  const auto last = places_.find(range.end);
  uint64_t begin = range.begin;  // of what is free
  for (auto at = first; at != last; ++at) {
    if (--at->second.holders > 0) {
      if (begin < at->first) free({begin, at->first});
      begin = std::next(at)->first;
    }
  }
  if (begin < range.end) free({begin, range.end});
  Join(first);
  Join(last);
}

}  // namespace pagestall
