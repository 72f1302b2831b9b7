#ifndef PAGESTALL_LIB_URING_HELD_RANGES_H_
#define PAGESTALL_LIB_URING_HELD_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/functional/function_ref.h"

namespace pagestall {

// Ranges that overlap, each held by somebody; says what nobody holds any more.
// One thread at a time.
class HeldRanges {
 public:
  struct Range {
    uint64_t begin;
    uint64_t end;

    friend bool operator==(const Range&, const Range&) = default;
  };

  void Hold(Range range);
  // Of one that is held. `free` is told what of it nobody holds now, in order,
  // and in as few pieces as there are. Allocates nothing.
  void Release(Range range, absl::FunctionRef<void(Range)> free);

 private:
  struct Place {
    size_t holders = 0;  // from here on
    size_t ends = 0;     // of held ranges, that are here
  };
  using Places = std::map<uint64_t, Place>;

  Places::iterator SplitAt(uint64_t place);
  void Join(Places::iterator end);

  // Where held ranges begin and end.
  Places places_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_HELD_RANGES_H_
