#include "lib/uring/io_mapping.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/file/page_cache.h"
#include "lib/file/residency_gate.h"
#include "lib/file/shared_buffer.h"
#include "lib/uring/held_ranges.h"

namespace pagestall {
namespace {

using Bytes = absl::Span<const uint8_t>;

uint64_t PageBytes() {
  static const uint64_t bytes = sysconf(_SC_PAGESIZE);
  return bytes;
}

uint64_t PageOf(uint64_t offset) { return offset / PageBytes() * PageBytes(); }

// From the start of the page of the first byte on.
Bytes WholePages(Bytes bytes) {
  if (bytes.empty()) return bytes;
  const uint64_t before =
      reinterpret_cast<uintptr_t>(bytes.data()) % PageBytes();
  return {bytes.data() - before, bytes.size() + before};
}

// The ring's madvise() has a length of 32 bits.
constexpr uint64_t kMostAtOnce = uint64_t{1} << 30;

// What costs less to copy than a thread to hand it to.
constexpr size_t kSmallBytes = size_t{64} << 10;

// How many of the kernel's threads may sleep for what was requested of one
// mapping, and as many more for what is read ahead, so that the one does not
// wait for the other. The ring has them for 16 such (io_ring.cc), so that a
// file whose storage hangs leaves enough to others.
constexpr size_t kThreads = 8;

// How often a range that could not be mapped, but then be read, is mapped
// again.
constexpr int kMostFaults = 10;

}  // namespace

// A range of the file that is being read ahead.
struct IoMapping::Request::Ahead {
  IoRing::Ticket operation;
  uint64_t begin = 0;
  uint64_t end = 0;
  bool joined = false;  // by the one request that may wait for it
};

class IoMapping::State final : public std::enable_shared_from_this<State> {
 public:
  State(File file, Mapping mapping, const Options& options)
      : file_(std::make_shared<const File>(std::move(file))),
        mapping_(std::make_shared<const Mapping>(std::move(mapping))),
        gate_(*file_, *mapping_),
        options_(options),
        reads_sleep_(!file_->ReadsWithoutWait()) {}

  uint64_t size() const { return mapping_->bytes().size(); }

  absl::StatusOr<Pinned> Pin(uint64_t offset, size_t size) {
    Pinned pinned(mapping_->At(offset, size));
    const Bytes bytes = WholePages(pinned.bytes());
    if (bytes.empty()) return pinned;
    const HeldRanges::Range pages = PagesOf(bytes);
    const uint64_t size_held = pages.end - pages.begin;
    if (size_held > options_.pin_limit_bytes - pinned_bytes_) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "pin ", size_held, " bytes of ", QuotedPath(file_->path()), ": ",
          pinned_bytes_, " of at most ", options_.pin_limit_bytes,
          " are pinned; release some, or raise pin_limit_bytes"));
    }
    pins_.Hold(pages);
    pinned_bytes_ += size_held;
    pinned.state_ = weak_from_this();
    // Locked before it is read, it cannot be dropped in between; and only what
    // is mapped is held.
    if (absl::Status status = LockOnFault(bytes); !status.ok()) return status;
    return pinned;
  }

  void Unpin(Bytes pinned) {
    const HeldRanges::Range pages = PagesOf(WholePages(pinned));
    pinned_bytes_ -= pages.end - pages.begin;
    pins_.Release(pages, [this](HeldRanges::Range free) {
      Unlock(mapping_->At(free.begin, free.end - free.begin));
    });
  }

  void StopReadingAhead(IoRing* ring) {
    stopped_ = true;
    for (Ahead& ahead : ahead_) {
      if (ring == nullptr || ahead.joined || ahead.operation == nullptr) {
        continue;
      }
      ring->Cancel(ahead.operation);
      ahead = {};
    }
  }

 private:
  friend class Request;
  using Ahead = Request::Ahead;

  uint64_t OffsetOf(Bytes bytes) const {
    return bytes.data() - mapping_->bytes().data();
  }

  // Up to the end of the last one, though the file may end before.
  HeldRanges::Range PagesOf(Bytes bytes) const {
    const uint64_t begin = OffsetOf(bytes);
    const uint64_t pages = (bytes.size() + PageBytes() - 1) / PageBytes();
    return {begin, begin + pages * PageBytes()};
  }

  // Before anything is started on it. What another ring still has is that
  // one's, its lanes as well.
  void Use(const IoRing& ring) {
    if (ring_id_ == ring.id()) return;
    auto lane = IoRing::MakeLane(kThreads);
    auto ahead_lane = IoRing::MakeLane(kThreads);
    ring_id_ = ring.id();
    lane_ = std::move(lane);
    ahead_lane_ = std::move(ahead_lane);
    for (Ahead& ahead : ahead_) {
      if (!ahead.joined) ahead = {};
    }
  }

  // Whether a range is answered by IsCached(). In order that would begin the
  // kernel's own read-ahead, which is more than an executor should have to wait
  // for.
  bool IsWithinPage(uint64_t offset, uint64_t end) const {
    return options_.random && !reads_sleep_ &&
           PageOf(offset) == PageOf(end - 1);
  }

  // Whether a byte's page is in memory and the file holds the byte still, in
  // one call.
  bool IsCached(uint64_t offset) const {
    uint8_t byte;
    const absl::StatusOr<size_t> read =
        file_->ReadCached(absl::MakeSpan(&byte, 1), offset);
    return read.ok() && *read == 1;
  }

  absl::Status StillHolds(uint64_t begin, uint64_t end) const {
    const absl::StatusOr<uint64_t> size = file_->SizeKnown();
    if (!size.ok()) return size.status();
    if (*size >= end) return absl::OkStatus();
    return absl::OutOfRangeError(absl::StrCat(
        "map ", QuotedPath(file_->path()), " at byte ", begin,
        ": it was truncated to ", *size, " bytes since it was opened"));
  }

  absl::Status MapError(const IoRing* ring, int result, uint64_t begin) const {
    absl::Status status = IoRing::StatusOf(ring, result);
    if (!status.ok()) return status;
    return ErrnoStatus(-result, absl::StrCat("map at byte ", begin),
                       file_->path());
  }

  // Has the next ranges of `size` bytes from `offset` on read, those that are
  // not under way.
  void ReadAhead(IoRing& ring, uint64_t offset, size_t size) {
    if (size > kMostAtOnce || stopped_) return;  // the first: itself far ahead
    const uint64_t until =
        std::min<uint64_t>(this->size(), offset + options_.ahead * size);
    for (uint64_t begin = offset; begin < until; begin += size) {
      const bool under_way =
          std::any_of(ahead_.begin(), ahead_.end(), [&](const Ahead& ahead) {
            return ahead.begin <= begin && begin < ahead.end;
          });
      if (under_way) continue;
      Ahead* free = FreeAhead(ring, offset, until);
      if (free == nullptr) return;
      free->begin = begin;
      free->end = std::min<uint64_t>(this->size(), begin + size);
      free->operation = Populate(ring, PageOf(begin), free->end, ahead_lane_);
    }
  }

  // One that is not in use, or has ended in vain.
  Ahead* FreeAhead(const IoRing& ring, uint64_t begin, uint64_t end) {
    for (Ahead& ahead : ahead_) {
      const bool wanted = ahead.begin < end && ahead.end > begin;
      if (wanted || ahead.joined) continue;
      if (ahead.operation == nullptr || ring.ResultOf(ahead.operation)) {
        return &ahead;
      }
    }
    if (ahead_.size() >= 2 * options_.ahead) return nullptr;
    return &ahead_.emplace_back();
  }

  IoRing::Ticket Populate(IoRing& ring, uint64_t begin, uint64_t end,
                          std::shared_ptr<IoRing::Lane> lane) const {
    return ring.StartAdvise(mapping_, begin, end - begin, kMadvisePopulateRead,
                            nullptr, std::move(lane));
  }

  const std::shared_ptr<const File> file_;
  const std::shared_ptr<const Mapping> mapping_;
  ResidencyGate gate_;
  const Options options_;
  const bool reads_sleep_;  // in threads of the kernel's, as what is mapped
  uint64_t ring_id_ = 0;    // that was used last
  std::shared_ptr<IoRing::Lane> lane_;
  std::shared_ptr<IoRing::Lane> ahead_lane_;
  SharedBuffer unwanted_;
  uint64_t next_ = 0;     // offset, if asked for front to back
  bool missing_ = false;  // the last range had to be read, ahead or not
  bool stopped_ = false;  // reading ahead
  HeldRanges pins_;       // by offset
  size_t pinned_bytes_ = 0;
  std::list<Ahead> ahead_;
};

IoMapping::Request::Request(const IoMapping& mapping, uint64_t offset,
                            size_t size)
    : state_(mapping.state_),
      bytes_(state_->mapping_->At(offset, size)),
      offset_(offset),
      begin_(PageOf(offset)),
      end_(offset + bytes_.size()),
      at_(begin_) {}

IoMapping::Request::Request(const Pinned& pinned)
    : state_(pinned.state_.lock()), step_(Step::kPopulate) {
  if (pinned.bytes().empty()) return;
  if (state_ == nullptr) {
    status_ = absl::FailedPreconditionError("what was pinned was unmapped");
    return;
  }
  bytes_ = pinned.bytes();
  offset_ = state_->OffsetOf(bytes_);
  begin_ = at_ = PageOf(offset_);
  end_ = offset_ + bytes_.size();
}

IoMapping::Request::~Request() { Leave(); }

IoRing::Ticket IoMapping::Request::Begin(IoRing* ring) {
  if (bytes_.empty()) return nullptr;
  State& state = *state_;
  if (ring != nullptr) state.Use(*ring);
  if (step_ == Step::kPopulate) return Populate(ring);
  if (state.IsWithinPage(offset_, end_)) {
    if (state.IsCached(end_ - 1)) return nullptr;
    return BringIn(ring, Step::kBringIn, begin_, end_);
  }
  in_order_ = std::exchange(state.next_, end_) == offset_;
  return Join(ring);
}

IoRing::Ticket IoMapping::Request::GoOn(IoRing* ring, int result) {
  if (step_ == Step::kJoin) {
    Leave();
    // Whether it has failed otherwise shows when the range is looked at.
    if (result != -ECANCELED) return Join(ring);
    return End(state_->MapError(ring, result, begin_));
  }
  if (step_ == Step::kPopulate) return GoOnPopulating(ring, result);
  IoRing::Ticket next = read_->GoOn(ring, result);
  if (next != nullptr) return next;
  if (!read_->read().ok()) return End(read_->read().status());
  return step_ == Step::kBringIn ? LookAgain(ring) : FindError(ring);
}

// Waits for what is read ahead of it.
IoRing::Ticket IoMapping::Request::Join(IoRing* ring) {
  if (ring == nullptr) return Look(ring);  // which would tell nobody
  for (Ahead& ahead : state_->ahead_) {
    if (ahead.begin >= end_ || ahead.end <= begin_ || ahead.joined) continue;
    step_ = Step::kJoin;
    was_ahead_ = ahead.joined = true;
    joined_ = &ahead;
    return ahead.operation;
  }
  return Look(ring);
}

void IoMapping::Request::Leave() {
  if (joined_ != nullptr) *joined_ = {};
  joined_ = nullptr;
}

IoRing::Ticket IoMapping::Request::Look(IoRing* ring) {
  State& state = *state_;
  const size_t size = end_ - begin_;
  const size_t ready = state.gate_.Ready(begin_, size);
  const bool missing = ready < size;
  at_ = begin_ + ready;
  // First what is requested.
  IoRing::Ticket next;
  if (!missing) {
    next = End(state.StillHolds(begin_, end_));
  } else if (state.options_.random && size <= kSmallBytes) {
    next = BringIn(ring, Step::kBringIn, begin_, end_);
  } else {
    next = Populate(ring);
  }
  state.missing_ = missing || (state.missing_ && was_ahead_);
  const bool wanted = state.missing_ && in_order_ && !state.options_.random;
  if (wanted && ring != nullptr) state.ReadAhead(*ring, end_, bytes_.size());
  return next;
}

IoRing::Ticket IoMapping::Request::LookAgain(IoRing* ring) {
  State& state = *state_;
  if (state.IsWithinPage(offset_, end_)) {
    return state.IsCached(end_ - 1) ? nullptr : Populate(ring);
  }
  const size_t size = end_ - begin_;
  if (state.gate_.Ready(begin_, size) < size) return Populate(ring);
  return End(state.StillHolds(begin_, end_));
}

// Into the page cache, not mapped: by a read whose bytes nobody wants, so that
// all such reads share a buffer. Unlike an madvise() it takes none of the
// kernel's threads while it waits for the device, so that many small ranges are
// brought in at once.
IoRing::Ticket IoMapping::Request::BringIn(IoRing* ring, Step step,
                                           uint64_t begin, uint64_t end) {
  State& state = *state_;
  if (state.unwanted_.size() == 0) {
    state.unwanted_ = SharedBuffer(PageBuffer(kSmallBytes));
  }
  step_ = step;
  read_.emplace(
      state.file_, state.unwanted_.Part(0, end - begin), begin,
      IoRead::Options{.lane = state.reads_sleep_ ? state.lane_ : nullptr});
  IoRing::Ticket read = read_->Begin(ring);
  return read != nullptr ? read : End(read_->read().status());
}

IoRing::Ticket IoMapping::Request::Populate(IoRing* ring) {
  step_ = Step::kPopulate;
  if (ring == nullptr) return End(IoRing::StatusOf(nullptr, 0));
  const uint64_t end = at_ + std::min(end_ - at_, kMostAtOnce);
  return state_->Populate(*ring, at_, end, state_->lane_);
}

IoRing::Ticket IoMapping::Request::GoOnPopulating(IoRing* ring, int result) {
  if (result == 0) {
    interruptions_ = 0;
    at_ += std::min(end_ - at_, kMostAtOnce);
    if (at_ < end_) return Populate(ring);
    return End(state_->StillHolds(begin_, end_));
  }
  if (IsWorthRepeating(result, ++interruptions_)) return Populate(ring);
  if (result == -EINVAL) {
    return End(absl::UnimplementedError(
        "madvise(MADV_POPULATE_READ): it needs Linux 5.14"));
  }
  if (result != -EFAULT) return End(state_->MapError(ring, result, at_));
  // Where a touch would raise SIGBUS (madvise(2)). A read has the error that a
  // fault does not tell.
  absl::Status holds = state_->StillHolds(begin_, end_);
  if (!holds.ok()) return End(std::move(holds));
  ++faults_;
  fault_at_ = at_;
  return FindError(ring);
}

IoRing::Ticket IoMapping::Request::FindError(IoRing* ring) {
  if (at_ >= end_) {
    // The storage fails now and then, or was interrupted (FUSE).
    at_ = fault_at_;
    if (faults_ < kMostFaults) return Populate(ring);
    return End(state_->MapError(ring, -EIO, at_));
  }
  const uint64_t begin = std::exchange(at_, std::min(end_, at_ + kSmallBytes));
  return BringIn(ring, Step::kFindError, begin, at_);
}

IoRing::Ticket IoMapping::Request::End(absl::Status status) {
  status_ = std::move(status);
  return nullptr;
}

absl::StatusOr<Bytes> IoMapping::Request::bytes() const {
  if (!status_.ok()) return status_;
  return bytes_;
}

namespace {

// Some files of the kernel's can be read, but say that they have 0 bytes.
absl::Status CheckEmpty(const File& file) {
  uint8_t byte;
  const absl::StatusOr<size_t> read = file.Read(absl::MakeSpan(&byte, 1), 0);
  if (!read.ok()) return read.status();
  if (*read == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "map ", QuotedPath(file.path()),
      ": it says that it has 0 bytes, but has some; read it instead"));
}

}  // namespace

absl::StatusOr<IoMapping> IoMapping::Open(const std::string& path,
                                          const Options& options) {
  absl::StatusOr<File> file = File::OpenRegular(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<Mapping> mapping = Mapping::Map(*file);
  if (!mapping.ok()) return mapping.status();
  absl::Status status =
      mapping->bytes().empty() ? CheckEmpty(*file) : absl::OkStatus();
  if (!status.ok()) return status;
  status = options.random ? AdviseRandom(mapping->bytes())
                          : AdviseSequential(mapping->bytes());
  if (status.ok() && options.random) status = file->Advise(POSIX_FADV_RANDOM);
  if (!status.ok()) return status;
  // In folios of 2 MiB a read does once what it does for each page otherwise,
  // on CPUs for which the kernel's threads compete with the executor.
  if (!options.random) AdviseHugePages(mapping->bytes()).IgnoreError();
  return IoMapping(
      std::make_shared<State>(*std::move(file), *std::move(mapping), options));
}

IoMapping::IoMapping(std::shared_ptr<State> state) : state_(std::move(state)) {}

uint64_t IoMapping::size() const { return state_->size(); }

absl::StatusOr<IoMapping::Pinned> IoMapping::Pin(uint64_t offset,
                                                 size_t size) const {
  return state_->Pin(offset, size);
}

void IoMapping::StopReadingAhead(IoRing* ring) const {
  state_->StopReadingAhead(ring);
}

IoMapping::Pinned::Pinned(Pinned&& other) noexcept
    : state_(std::exchange(other.state_, {})),
      bytes_(std::exchange(other.bytes_, {})) {}

IoMapping::Pinned& IoMapping::Pinned::operator=(Pinned&& other) noexcept {
  const Pinned former = std::move(*this);
  state_ = std::exchange(other.state_, {});
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

IoMapping::Pinned::~Pinned() {
  if (const auto state = state_.lock()) state->Unpin(bytes_);
}

}  // namespace pagestall
