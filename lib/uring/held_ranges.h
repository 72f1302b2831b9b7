#ifndef PAGESTALL_LIB_URING_HELD_RANGES_H_
#define PAGESTALL_LIB_URING_HELD_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace pagestall {

// Ranges that overlap, each held by somebody; says what nobody holds any more.
class HeldRanges {
 public:
  struct Range {
    uint64_t begin;
    uint64_t end;

    friend bool operator==(const Range&, const Range&) = default;
  };

  void Hold(Range range);
  // Of one that is held. Returns what of it nobody holds now, in order, and in
  // as few pieces as there are.
  std::vector<Range> Release(Range range);

 private:
  using Places = std::map<uint64_t, size_t>;

  Places::iterator SplitAt(uint64_t place);
  void Join(uint64_t begin, uint64_t end);

  // Where the number of holders changes, and what it is from there on.
  Places holders_;
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_URING_HELD_RANGES_H_
