#include "lib/uring/io_mapping.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"
#include "lib/file/known_pages.h"
#include "lib/file/mapping.h"
#include "lib/file/page_cache.h"
#include "lib/file/page_tables.h"
#include "lib/file/reclaim_watch.h"
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

uint64_t ChunkBytes() { return KnownPages::kChunkPages * PageBytes(); }

// Of the pages that a range touches; it is not empty.
uint64_t CountPages(uint64_t begin, uint64_t end) {
  return (end - 1) / PageBytes() - begin / PageBytes() + 1;
}

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

// What the kernel begins to read at once at least: the smallest read-ahead that
// is usual (madvise(2) begins no more). And how much is asked for in such
// pieces before it is waited for.
constexpr uint64_t kOneRequest = uint64_t{128} << 10;
constexpr uint64_t kMostRequested = uint64_t{8} << 20;

// After how many lookups of a chunk that is not mapped it is: a read of a page
// that is in memory costs some two microseconds, to map what there is of a
// chunk 25 to 300.
constexpr uint8_t kOften = 32;
// Less of it, in pages, is not.
constexpr size_t kWorthMapping = 16;

// How long the file's size is believed where the table answers.
constexpr std::chrono::milliseconds kSizeHolds{4};

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
  State(File file, Mapping mapping, const Options& options,
        bool in_large_requests)
      : file_(std::make_shared<const File>(std::move(file))),
        mapping_(std::make_shared<const Mapping>(std::move(mapping))),
        known_(mapping_->bytes().empty() ? 0 : CountPages(0, this->size())),
        tables_(PageTables::Open()),
        asked_((this->size() + ChunkBytes() - 1) / ChunkBytes()),
        options_(options),
        told_(MincoreTellsTruth(*file_)),
        in_large_requests_(in_large_requests),
        reads_sleep_(!file_->ReadsWithoutWait()) {
    // Whether such calls may be made is asked here rather than on an executor.
    if (!mapping_->bytes().empty()) CountReady(0, 1);
  }

  uint64_t size() const { return mapping_->bytes().size(); }

  std::optional<Bytes> TryAwait(uint64_t offset, size_t size) {
    const Bytes bytes = mapping_->At(offset, size);
    if (bytes.empty()) return bytes;
    const uint64_t end = offset + bytes.size();
    if (!Knows(offset, end)) return std::nullopt;
    next_ = end;
    return bytes;
  }

  absl::StatusOr<Pinned> Pin(uint64_t offset, size_t size) {
    Pinned pinned(mapping_->At(offset, size));
    const Bytes bytes = WholePages(pinned.bytes());
    if (bytes.empty()) return pinned;
    const HeldRanges::Range pages = PagesOf(bytes);
    uint64_t more = 0;
    for (uint64_t piece = Piece(pages.begin); piece <= Piece(pages.end - 1);
         ++piece) {
      if (!pieces_.contains(piece)) more += PieceBytes(piece);
    }
    if (more > options_.pin_limit_bytes - pinned_bytes_) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "pin ", pages.end - pages.begin, " bytes of ",
          QuotedPath(file_->path()), ", which may hold ", more, " in memory: ",
          pinned_bytes_, " of at most ", options_.pin_limit_bytes,
          " may be held; release some, or raise pin_limit_bytes"));
    }
    pins_.Hold(pages);
    pinned_bytes_ += more;
    for (uint64_t piece = Piece(pages.begin); piece <= Piece(pages.end - 1);
         ++piece) {
      ++pieces_[piece];
    }
    pinned.state_ = weak_from_this();
    // Locked before it is read, it cannot be dropped in between; and only what
    // is mapped is held.
    if (absl::Status status = LockOnFault(bytes); !status.ok()) return status;
    return pinned;
  }

  void Unpin(Bytes pinned) {
    const HeldRanges::Range pages = PagesOf(WholePages(pinned));
    for (uint64_t piece = Piece(pages.begin); piece <= Piece(pages.end - 1);
         ++piece) {
      const auto found = pieces_.find(piece);
      if (--found->second > 0) continue;
      pieces_.erase(found);
      pinned_bytes_ -= PieceBytes(piece);
    }
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
  friend class IoMapping;
  friend class Reading;
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

  // What a pinned page may hold beside itself: no folio of the page cache is
  // larger than a huge page (MAX_PAGECACHE_ORDER, include/linux/pagemap.h), and
  // each is aligned to its size.
  static uint64_t Piece(uint64_t offset) { return offset / ChunkBytes(); }
  uint64_t PieceBytes(uint64_t piece) const {
    const uint64_t begin = piece * ChunkBytes();
    return std::min(ChunkBytes(),
                    CountPages(begin, this->size()) * PageBytes());
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

  // Whether a range can be touched without asking for it.
  bool Knows(uint64_t begin, uint64_t end) {
    const KnownPages::Moment moment = reclaim_.Look();
    return IsKnown(begin, end, moment) && HeldLately(end, moment);
  }

  bool IsKnown(uint64_t begin, uint64_t end,
               const KnownPages::Moment& moment) const {
    return known_.Has(begin / PageBytes(), CountPages(begin, end), moment);
  }

  // Whether the file was long enough when it was asked last.
  bool HeldLately(uint64_t end, const KnownPages::Moment& moment) {
    if (moment.now - held_at_ >= kSizeHolds) AskForSize();
    return end <= held_;
  }

  void AskForSize() {
    held_at_ = ReclaimWatch::Now();
    const absl::StatusOr<uint64_t> size = file_->SizeKnown();
    held_ = size.ok() ? *size : 0;
  }

  // How many bytes from a page's start on are in memory. They are mapped,
  // unless the kernel takes memory back: then they may be gone before they are
  // touched.
  size_t Ready(uint64_t begin, size_t size) {
    const uint64_t end = begin + size;
    uint64_t at = begin;
    while (at < end) {
      const uint64_t next =
          std::min(end, (at / ChunkBytes() + 1) * ChunkBytes());
      const size_t ready = ReadyInChunk(at, next);
      if (at + ready < next) return at + ready - begin;
      at = next;
    }
    return size;
  }

  size_t ReadyInChunk(uint64_t begin, uint64_t end) {
    const KnownPages::Moment moment = reclaim_.Look();
    if (IsKnown(begin, end, moment)) return end - begin;
    // Nothing that is found now will be believed.
    if (!moment.quiet()) return CountReady(begin, end);
    if (FindMapped(begin, end, moment)) return end - begin;
    // A page is in memory as a whole folio is, and mapped with it.
    const uint64_t first = std::min(end, begin + PageBytes());
    if (CountReady(begin, first) < first - begin) return 0;
    if (Map(begin, first) && FindMapped(begin, end, moment)) return end - begin;
    const size_t ready = CountReady(begin, end);
    if (Map(begin, begin + ready)) Mapped(begin, begin + ready, moment.now);
    return ready;
  }

  // Whether a range is found mapped that the table does not know, and was asked
  // for in no order. What pays is to ask the page tables again where the table
  // has only forgotten, and to map a chunk that is asked for often.
  bool FindOften(uint64_t begin, uint64_t end) {
    const KnownPages::Moment moment = reclaim_.Look();
    const uint64_t chunk = begin / ChunkBytes();
    if (!moment.quiet() || (end - 1) / ChunkBytes() != chunk) return false;
    if (!known_.Believes(begin / PageBytes(), moment) &&
        known_.WasSeen(begin / PageBytes()) && FindMapped(begin, end, moment)) {
      return true;
    }
    if (++asked_[chunk] < kOften) return false;
    asked_[chunk] = 0;
    MapChunk(chunk);
    return FindMapped(begin, end, moment);
  }

  // What of it is in memory, in pieces that are worth a system call.
  void MapChunk(uint64_t chunk) {
    if (!told_) return;
    const Bytes bytes = mapping_->At(chunk * ChunkBytes(), ChunkBytes());
    std::array<unsigned char, KnownPages::kChunkPages> pages;
    if (Mincore(bytes, pages.data()) != 0) return;
    const size_t count = (bytes.size() + PageBytes() - 1) / PageBytes();
    for (size_t begin = 0; begin < count;) {
      size_t end = begin;
      while (end < count && (pages[end] & 1) != 0) ++end;
      if (end - begin >= std::min(kWorthMapping, count)) {
        PopulateRead(
            bytes.subspan(begin * PageBytes(), (end - begin) * PageBytes()))
            .IgnoreError();
      }
      begin = end + 1;
    }
  }

  // Whether the range, within a chunk, is found mapped; its chunk's pages that
  // are, are known from now on.
  bool FindMapped(uint64_t begin, uint64_t end,
                  const KnownPages::Moment& moment) {
    if (!TablesAreOurs()) return false;
    const uint64_t chunk = begin / ChunkBytes();
    const absl::StatusOr<KnownPages::Bits> mapped =
        tables_->FindMapped(mapping_->At(chunk * ChunkBytes(), ChunkBytes()));
    if (!mapped.ok()) return false;
    known_.Set(chunk, *mapped, moment);
    return IsKnown(begin, end, moment);
  }

  // A child of fork(2) has inherited those of its parent.
  bool TablesAreOurs() {
    if (forks_ != IoRing::CountForks()) {
      forks_ = IoRing::CountForks();
      tables_ = PageTables::Open();
    }
    return tables_.ok();
  }

  // It was mapped at some time since `seen`.
  void Mapped(uint64_t begin, uint64_t end, std::chrono::nanoseconds seen) {
    const KnownPages::Moment now = reclaim_.Look();
    if (begin >= end || !now.Believes(seen, KnownPages::kLifetime)) return;
    known_.Add(begin / PageBytes(), CountPages(begin, end), seen, now);
  }

  // Maps what is in memory, from a page's start on.
  bool Map(uint64_t begin, uint64_t end) const {
    return PopulateRead(mapping_->At(begin, end - begin)).ok();
  }
  // The same of a page, and says so.
  void MapPage(uint64_t begin, const KnownPages::Moment& moment) {
    const uint64_t end = std::min(size(), begin + PageBytes());
    if (!moment.quiet() || !Map(begin, end)) return;
    if (!FindMapped(begin, end, moment)) Mapped(begin, end, moment.now);
  }

  // How many bytes from a page's start on are in memory and read.
  size_t CountReady(uint64_t begin, uint64_t end) {
    if (told_) {
      const absl::StatusOr<size_t> ready =
          CountReadyBytes(mapping_->At(begin, end - begin));
      return ready.ok() ? *ready : 0;
    }
    // Who may not ask may read. What is larger is left to the kernel's threads.
    if (reads_sleep_ || end - begin > kSmallBytes) return 0;
    const absl::StatusOr<size_t> read =
        file_->ReadCached(Unwanted().Part(0, end - begin).bytes(), begin);
    return read.ok() ? *read : 0;
  }

  // Where bytes are read to that nobody wants.
  const SharedBuffer& Unwanted() {
    if (unwanted_.size() == 0) {
      unwanted_ = SharedBuffer(PageBuffer(kSmallBytes));
    }
    return unwanted_;
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
      if (IsThere(begin, std::min<uint64_t>(this->size(), begin + size))) {
        continue;
      }
      Ahead* free = FreeAhead(ring, offset, until);
      if (free == nullptr) return;
      free->begin = begin;
      free->end = std::min<uint64_t>(this->size(), begin + size);
      free->operation = Populate(ring, PageOf(begin), free->end, ahead_lane_);
    }
  }

  bool IsThere(uint64_t begin, uint64_t end) {
    const uint64_t page = PageOf(begin);
    return IsKnown(begin, end, reclaim_.Look()) ||
           (told_ && CountReady(page, end) == end - page);
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
  ReclaimWatch& reclaim_ = ReclaimWatch::OfProcess();
  KnownPages known_;
  absl::StatusOr<PageTables> tables_;
  uint32_t forks_ = IoRing::CountForks();  // that the tables are of
  std::chrono::nanoseconds held_at_{-kSizeHolds};
  uint64_t held_ = 0;  // the file's size then
  // By chunk, how often something was that is not mapped, since it was last
  // mapped.
  std::vector<uint8_t> asked_;
  const Options options_;
  const bool told_;               // that mincore() tells the truth
  const bool in_large_requests_;  // is the mapping read
  const bool reads_sleep_;  // in threads of the kernel's, as what is mapped
  uint64_t ring_id_ = 0;    // that was used last
  std::shared_ptr<IoRing::Lane> lane_;
  std::shared_ptr<IoRing::Lane> ahead_lane_;
  SharedBuffer unwanted_;
  uint64_t next_ = 0;     // offset, if asked for front to back
  bool missing_ = false;  // the last range had to be read, ahead or not
  bool stopped_ = false;  // reading ahead
  HeldRanges pins_;       // by offset
  std::map<uint64_t, size_t> pieces_;  // how often each is pinned
  uint64_t pinned_bytes_ = 0;          // of the pieces
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
  if (step_ == Step::kPopulate) return Bring(ring);
  in_order_ = std::exchange(state.next_, end_) == offset_;
  if (state.IsKnown(offset_, end_, state.reclaim_.Look())) {
    return End(state.StillHolds(begin_, end_));
  }
  return state.IsWithinPage(offset_, end_) ? LookAtPage(ring) : Join(ring);
}

IoRing::Ticket IoMapping::Request::LookAtPage(IoRing* ring) {
  State& state = *state_;
  const KnownPages::Moment moment = state.reclaim_.Look();
  // Known before, and only not believed for so long.
  const bool was_seen = state.known_.WasSeen(begin_ / PageBytes());
  if (was_seen && moment.quiet() && state.FindMapped(begin_, end_, moment)) {
    return End(state.StillHolds(begin_, end_));
  }
  if (!state.IsCached(end_ - 1)) {
    // One byte is enough to have its page read.
    return BringIn(ring, Step::kBringIn, end_ - 1, end_);
  }
  state.MapPage(begin_, moment);
  return nullptr;
}

IoRing::Ticket IoMapping::Request::GoOn(IoRing* ring, int result) {
  if (step_ == Step::kJoin) {
    Leave();
    // Whether it has failed otherwise shows when the range is looked at.
    if (result != -ECANCELED) return Join(ring);
    return End(state_->MapError(ring, result, begin_));
  }
  if (step_ == Step::kPopulate) return GoOnPopulating(ring, result);
  if (step_ == Step::kWillNeed) return GoOnBringing(ring, result);
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
  const size_t ready = state.Ready(begin_, size);
  const bool missing = ready < size;
  at_ = begin_ + ready;
  // First what is requested.
  IoRing::Ticket next;
  if (!missing) {
    next = End(state.StillHolds(begin_, end_));
  } else if (state.options_.random && size <= kSmallBytes) {
    next = BringIn(ring, Step::kBringIn, begin_, end_);
  } else {
    next = Bring(ring);
  }
  state.missing_ = missing || (state.missing_ && was_ahead_);
  const bool wanted = state.missing_ && in_order_ && !state.options_.random;
  if (wanted && ring != nullptr) state.ReadAhead(*ring, end_, bytes_.size());
  return next;
}

IoRing::Ticket IoMapping::Request::LookAgain(IoRing* ring) {
  State& state = *state_;
  if (state.IsWithinPage(offset_, end_)) {
    if (*read_->read() == 0) return Populate(ring);  // the file has ended
    // It is no part of a larger folio that others would be found by.
    const KnownPages::Moment moment = state.reclaim_.Look();
    if (moment.quiet() && state.Map(begin_, end_)) {
      state.Mapped(begin_, end_, moment.now);
    }
    return nullptr;
  }
  const size_t size = end_ - begin_;
  if (state.Ready(begin_, size) < size) return Populate(ring);
  return End(state.StillHolds(begin_, end_));
}

// Into the page cache, not mapped: by a read whose bytes nobody wants, so that
// all such reads share a buffer. Unlike an madvise() it takes none of the
// kernel's threads while it waits for the device, so that many small ranges are
// brought in at once.
IoRing::Ticket IoMapping::Request::BringIn(IoRing* ring, Step step,
                                           uint64_t begin, uint64_t end) {
  State& state = *state_;
  step_ = step;
  read_.emplace(
      state.file_, state.Unwanted().Part(0, end - begin), begin,
      IoRead::Options{.lane = state.reads_sleep_ ? state.lane_ : nullptr});
  IoRing::Ticket read = read_->Begin(ring);
  return read != nullptr ? read : End(read_->read().status());
}

// What is mapped in no order the kernel would read page by page.
IoRing::Ticket IoMapping::Request::Bring(IoRing* ring) {
  State& state = *state_;
  if (ring == nullptr || state.in_large_requests_) return Populate(ring);
  step_ = Step::kWillNeed;
  IoRing::Ticket last;
  const uint64_t end = EndOfStep();
  for (uint64_t begin = at_; begin < end; begin += kOneRequest) {
    last = ring->StartAdvise(state.mapping_, begin,
                             std::min(kOneRequest, end - begin),
                             kMadviseWillNeed, nullptr, state.lane_);
  }
  return last;
}

IoRing::Ticket IoMapping::Request::GoOnBringing(IoRing* ring, int result) {
  if (result != -ECANCELED) return Populate(ring);  // which tells what fails
  return End(state_->MapError(ring, result, begin_));
}

IoRing::Ticket IoMapping::Request::Populate(IoRing* ring) {
  step_ = Step::kPopulate;
  if (ring == nullptr) return End(IoRing::StatusOf(nullptr, 0));
  if (at_ == begin_) asked_at_ = ReclaimWatch::Now();
  return state_->Populate(*ring, at_, EndOfStep(), state_->lane_);
}

// Where ends what is asked for at once, from `at_` on.
uint64_t IoMapping::Request::EndOfStep() const {
  const uint64_t most =
      state_->in_large_requests_ ? kMostAtOnce : kMostRequested;
  return at_ + std::min(end_ - at_, most);
}

IoRing::Ticket IoMapping::Request::GoOnPopulating(IoRing* ring, int result) {
  if (result == 0) {
    interruptions_ = 0;
    const uint64_t begin = std::exchange(at_, EndOfStep());
    state_->Mapped(begin, at_, asked_at_);
    if (at_ < end_) return Bring(ring);
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

IoMapping::Reading::Reading(const IoMapping& mapping, uint64_t offset,
                            const SharedBuffer& buffer)
    : state_(mapping.state_),
      offset_(offset),
      bytes_(state_->mapping_->At(offset, buffer.size())),
      buffer_(buffer.Part(0, bytes_.size())) {}

IoRing::Ticket IoMapping::Reading::Begin(IoRing* ring) {
  if (bytes_.empty()) return nullptr;
  State& state = *state_;
  if (ring != nullptr) state.Use(*ring);
  const uint64_t end = offset_ + bytes_.size();
  state.next_ = end;
  if (state.Knows(offset_, end)) return nullptr;
  if (state.FindOften(offset_, end) && state.Knows(offset_, end)) {
    return nullptr;
  }
  read_.emplace(
      state.file_, buffer_, offset_,
      IoRead::Options{.lane = state.reads_sleep_ ? state.lane_ : nullptr});
  return read_->Begin(ring);
}

IoRing::Ticket IoMapping::Reading::GoOn(IoRing* ring, int result) {
  return read_->GoOn(ring, result);
}

absl::Status IoMapping::Reading::CheckRead() const {
  if (!read_->read().ok()) return read_->read().status();
  if (*read_->read() == buffer_.size()) return absl::OkStatus();
  absl::Status holds = state_->StillHolds(offset_, offset_ + bytes_.size());
  if (!holds.ok()) return holds;
  return absl::OutOfRangeError(absl::StrCat(
      "read at byte ", offset_, " of ", QuotedPath(state_->file_->path()),
      ": the file was shorter for a while"));
}

absl::StatusOr<Bytes> IoMapping::Reading::bytes() const {
  if (!read_.has_value()) return bytes_;
  if (absl::Status status = CheckRead(); !status.ok()) return status;
  return Bytes(buffer_.bytes());
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
  // So that a touch begins no read-ahead: what is read is asked for here.
  status = AdviseRandom(mapping->bytes());
  if (status.ok()) status = file->Advise(POSIX_FADV_RANDOM);
  if (!status.ok()) return status;
  // In folios of 2 MiB a read does once what it does for each page otherwise,
  // on CPUs for which the kernel's threads compete with the executor.
  const bool in_large_requests =
      !options.random && AdviseHugePages(mapping->bytes()).ok();
  return IoMapping(std::make_shared<State>(
      *std::move(file), *std::move(mapping), options, in_large_requests));
}

IoMapping::IoMapping(std::shared_ptr<State> state) : state_(std::move(state)) {}

uint64_t IoMapping::size() const { return state_->size(); }

std::optional<Bytes> IoMapping::TryAwait(uint64_t offset, size_t size) const {
  return state_->TryAwait(offset, size);
}

void IoMapping::AskForSize() const { state_->AskForSize(); }

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
