#include "lib/uring/awaited_mapping.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <list>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
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

// How many of the kernel's threads may sleep for one mapping. The ring has them
// for 32 such (io_ring.cc), so that a file whose storage hangs leaves enough to
// others.
constexpr size_t kThreads = 8;

// How much is looked through in one turn of the executor.
constexpr size_t kTurnBytes = size_t{4} << 20;

// A range of the file that is being read ahead.
struct Ahead {
  RingOperation operation;
  uint64_t begin = 0;
  uint64_t end = 0;
  bool joined = false;  // by the one coroutine that may await it
};

}  // namespace

// Coroutines that await hold it, so that they find it when they are resumed, or
// destroyed after the mapping was.
class AwaitedMapping::State final : public std::enable_shared_from_this<State> {
 public:
  State(std::shared_ptr<const File> file,
        std::shared_ptr<const Mapping> mapping, const Ring& ring,
        const Options& options)
      : file_(std::move(file)),
        mapping_(std::move(mapping)),
        gate_(*file_, *mapping_),
        ring_(ring.state_),
        options_(options),
        lane_(IoRing::MakeLane(kThreads)),
        reads_lane_(file_->ReadsWithoutWait() ? nullptr : lane_) {}

  uint64_t size() const { return mapping_->bytes().size(); }

  static asio::awaitable<absl::StatusOr<Bytes>> Await(
      std::shared_ptr<State> self, uint64_t offset, size_t size) {
    const Bytes bytes = self->mapping_->At(offset, size);
    if (bytes.empty()) co_return bytes;
    const uint64_t end = offset + bytes.size();
    absl::Status status;
    if (!self->IsWithinPage(offset, end)) {
      status = co_await self->AwaitRange(offset, end);
    } else if (!self->IsCached(end - 1)) {
      status = co_await self->AwaitPage(offset, end);
    }
    if (!status.ok()) co_return status;
    co_return bytes;
  }

  static asio::awaitable<absl::StatusOr<Pinned>> AwaitPinned(
      std::shared_ptr<State> self, uint64_t offset, size_t size) {
    absl::StatusOr<Pinned> pinned = self->Pin(offset, size);
    if (!pinned.ok() || pinned->bytes().empty()) co_return pinned;
    const Bytes bytes = WholePages(pinned->bytes());
    const uint64_t begin = self->OffsetOf(bytes);
    absl::Status status = co_await self->Populate(begin, begin + bytes.size());
    if (!status.ok()) co_return status;
    co_return pinned;
  }

  void Unpin(Bytes pinned) {
    const Bytes bytes = WholePages(pinned);
    pinned_bytes_ -= bytes.size();
    for (const auto& [begin, end] : pins_.Release(PagesOf(bytes))) {
      Unlock(mapping_->At(begin, end - begin));
    }
  }

 private:
  uint64_t OffsetOf(Bytes bytes) const {
    return bytes.data() - mapping_->bytes().data();
  }

  // Up to the end of the last one, though the file may end before.
  HeldRanges::Range PagesOf(Bytes bytes) const {
    const uint64_t begin = OffsetOf(bytes);
    const uint64_t pages = (bytes.size() + PageBytes() - 1) / PageBytes();
    return {begin, begin + pages * PageBytes()};
  }

  asio::awaitable<absl::Status> AwaitRange(uint64_t offset, uint64_t end) {
    const uint64_t begin = PageOf(offset);
    const bool in_order = std::exchange(next_, end) == offset;
    const absl::StatusOr<bool> was_ahead = co_await Join(begin, end);
    if (!was_ahead.ok()) co_return was_ahead.status();
    const size_t ready = gate_.Ready(begin, end - begin);
    missing_ = ready < end - begin || (missing_ && *was_ahead);
    if (missing_ && in_order && !options_.random) ReadAhead(end, end - offset);
    if (ready == end - begin) co_return StillHolds(begin, end);
    if (options_.random && end - begin <= kSmallBytes) {
      absl::Status status = co_await BringIn(begin, end);
      if (!status.ok()) co_return status;
      if (gate_.Ready(begin, end - begin) == end - begin) {
        co_return StillHolds(begin, end);
      }
    }
    co_return co_await Populate(begin + ready, end);
  }

  // Whether a range is answered by IsCached(). In order that would begin the
  // kernel's own read-ahead, which is more than an executor should have to wait
  // for.
  bool IsWithinPage(uint64_t offset, uint64_t end) const {
    return options_.random && reads_lane_ == nullptr &&
           PageOf(offset) == PageOf(end - 1);
  }

  // Of one that was not cached.
  asio::awaitable<absl::Status> AwaitPage(uint64_t offset, uint64_t end) {
    const uint64_t begin = PageOf(offset);
    absl::Status status = co_await BringIn(begin, end);
    if (!status.ok()) co_return status;
    if (IsCached(end - 1)) co_return absl::OkStatus();
    co_return co_await Populate(begin, end);
  }

  // Whether a byte's page is in memory and the file holds the byte still, in
  // one call.
  bool IsCached(uint64_t offset) const {
    uint8_t byte;
    const absl::StatusOr<size_t> read =
        file_->ReadCached(absl::MakeSpan(&byte, 1), offset);
    return read.ok() && *read == 1;
  }

  absl::StatusOr<Pinned> Pin(uint64_t offset, size_t size) {
    Pinned pinned(mapping_->At(offset, size));
    const Bytes bytes = WholePages(pinned.bytes());
    if (bytes.size() > options_.pin_limit_bytes - pinned_bytes_) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "pin ", bytes.size(), " bytes of ", QuotedPath(file_->path()), ": ",
          pinned_bytes_, " of at most ", options_.pin_limit_bytes,
          " are pinned; release some, or raise pin_limit_bytes"));
    }
    if (bytes.empty()) return pinned;
    // Locked before it is read, it cannot be dropped in between; and only what
    // is mapped is held.
    if (absl::Status status = LockOnFault(bytes); !status.ok()) return status;
    pins_.Hold(PagesOf(bytes));
    pinned_bytes_ += bytes.size();
    pinned.state_ = weak_from_this();
    return pinned;
  }

  // Awaits what is being read ahead of a range. Returns whether something was.
  asio::awaitable<absl::StatusOr<bool>> Join(uint64_t begin, uint64_t end) {
    bool any = false;
    for (Ahead& ahead : ahead_) {
      if (ahead.begin >= end || ahead.end <= begin || ahead.joined) continue;
      any = true;
      ahead.joined = true;
      // Also when the coroutine is cancelled.
      const absl::Cleanup leave = [&ahead] {
        ahead.joined = false;
        ahead.begin = ahead.end = 0;
      };
      if (!ahead.operation.started()) continue;
      // Whether it has failed otherwise shows when the range is looked at.
      const int result = co_await ahead.operation.Wait();
      if (result == -ECANCELED) co_return MapError(result, begin);
    }
    co_return any;
  }

  // Has the next ranges of `size` bytes from `offset` on read, those that are
  // not under way.
  void ReadAhead(uint64_t offset, size_t size) {
    if (size > kMostAtOnce) return;  // itself far ahead
    const uint64_t until =
        std::min<uint64_t>(this->size(), offset + options_.ahead * size);
    for (uint64_t begin = offset; begin < until; begin += size) {
      const bool under_way =
          std::any_of(ahead_.begin(), ahead_.end(), [&](const Ahead& ahead) {
            return ahead.begin <= begin && begin < ahead.end;
          });
      if (under_way) continue;
      Ahead* free = FreeAhead(offset, until);
      if (free == nullptr) return;
      free->begin = begin;
      free->end = std::min<uint64_t>(this->size(), begin + size);
      free->operation =
          StartPopulate(WholePages(mapping_->At(begin, free->end - begin)));
    }
  }

  // One that is not in use, or has ended in vain.
  Ahead* FreeAhead(uint64_t begin, uint64_t end) {
    for (Ahead& ahead : ahead_) {
      const bool wanted = ahead.begin < end && ahead.end > begin;
      if (!ahead.operation.in_flight() && !ahead.joined && !wanted) {
        return &ahead;
      }
    }
    if (ahead_.size() >= 2 * options_.ahead) return nullptr;
    return &ahead_.emplace_back();
  }

  RingOperation StartPopulate(Bytes bytes) {
    return Ring::StartAdvise(ring_, mapping_, bytes, kMadvisePopulateRead,
                             lane_);
  }

  // Into the page cache, not mapped: by a read whose bytes nobody wants, so
  // that all such reads share a buffer. Unlike an madvise() it takes none of
  // the kernel's threads while it waits for the device, so that many small
  // ranges are brought in at once.
  asio::awaitable<absl::Status> BringIn(uint64_t begin, uint64_t end) {
    if (unwanted_.size() == 0) {
      unwanted_ = SharedBuffer(PageBuffer(kSmallBytes));
    }
    const absl::StatusOr<size_t> read = co_await Ring::ReadAll(
        ring_, RingOperation(), file_, unwanted_.Part(0, end - begin), begin, 0,
        std::nullopt, reads_lane_);
    co_return read.status();
  }

  asio::awaitable<absl::Status> Populate(uint64_t begin, uint64_t end) {
    const uint64_t first = begin;
    int result = 0;
    for (int interruptions = 0; begin < end && result == 0;) {
      const size_t size = std::min(end - begin, kMostAtOnce);
      RingOperation operation = StartPopulate(mapping_->At(begin, size));
      result = co_await operation.Wait();
      if (result == 0) {
        begin += size;
      } else if (Ring::IsWorthRepeating(result, ++interruptions)) {
        result = 0;
      }
    }
    if (result == 0) co_return StillHolds(first, end);
    if (result == -EINVAL) {
      co_return absl::UnimplementedError(
          "madvise(MADV_POPULATE_READ): it needs Linux 5.14");
    }
    // Where a touch would raise SIGBUS (madvise(2)).
    if (result == -EFAULT) {
      co_return co_await WhyNot(begin, end);
    }
    co_return MapError(result, begin);
  }

  absl::Status MapError(int result, uint64_t begin) const {
    absl::Status status = Ring::RingStatus(*ring_, result);
    if (!status.ok()) return status;
    return ErrnoStatus(-result, absl::StrCat("map at byte ", begin),
                       file_->path());
  }

  absl::Status StillHolds(uint64_t begin, uint64_t end) const {
    const absl::StatusOr<uint64_t> size = file_->SizeKnown();
    if (!size.ok()) return size.status();
    if (*size >= end) return absl::OkStatus();
    return absl::OutOfRangeError(absl::StrCat(
        "map ", QuotedPath(file_->path()), " at byte ", begin,
        ": it was truncated to ", *size, " bytes since it was opened"));
  }

  // A read has the error that a fault does not tell.
  asio::awaitable<absl::Status> WhyNot(uint64_t begin, uint64_t end) {
    absl::Status holds = StillHolds(begin, end);
    if (!holds.ok()) co_return holds;
    const bool told = MincoreTellsTruth(*file_);
    for (uint64_t at = begin; at < end;) {
      // Before the first page that is not there, all could be read.
      const Bytes turn =
          mapping_->At(at, std::min<uint64_t>(end - at, kTurnBytes));
      const size_t ready = told ? CountReadyBytes(turn).value_or(0) : 0;
      if (ready == turn.size()) {
        at += ready;
        co_await asio::post(asio::use_awaitable);
        continue;
      }
      at += ready;
      const uint64_t until = std::min<uint64_t>(end, at + kSmallBytes);
      absl::Status status = co_await BringIn(at, until);
      if (!status.ok()) co_return status;
      at = until;
    }
    co_return MapError(-EFAULT, begin);
  }

  const std::shared_ptr<const File> file_;
  const std::shared_ptr<const Mapping> mapping_;
  ResidencyGate gate_;
  const std::shared_ptr<Ring::State> ring_;
  const Options options_;
  const std::shared_ptr<IoRing::Lane> lane_;
  // Of reads, if those sleep as well.
  const std::shared_ptr<IoRing::Lane> reads_lane_;
  SharedBuffer unwanted_;
  uint64_t next_ = 0;     // offset, if awaited front to back
  bool missing_ = false;  // the last range had to be read, ahead or not
  HeldRanges pins_;       // by offset
  size_t pinned_bytes_ = 0;
  std::list<Ahead> ahead_;
};

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

absl::StatusOr<std::unique_ptr<AwaitedMapping>> AwaitedMapping::Open(
    const std::string& path, Ring& ring, const Options& options) {
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
  return std::unique_ptr<AwaitedMapping>(
      new AwaitedMapping(std::make_shared<State>(
          std::make_shared<const File>(*std::move(file)),
          std::make_shared<const Mapping>(*std::move(mapping)), ring,
          options)));
}

AwaitedMapping::AwaitedMapping(std::shared_ptr<State> state)
    : state_(std::move(state)) {}
AwaitedMapping::~AwaitedMapping() = default;

uint64_t AwaitedMapping::size() const { return state_->size(); }

asio::awaitable<absl::StatusOr<Bytes>> AwaitedMapping::Await(uint64_t offset,
                                                             size_t size) {
  return State::Await(state_, offset, size);
}

asio::awaitable<absl::StatusOr<AwaitedMapping::Pinned>>
AwaitedMapping::AwaitPinned(uint64_t offset, size_t size) {
  return State::AwaitPinned(state_, offset, size);
}

AwaitedMapping::Pinned::Pinned(Pinned&& other) noexcept
    : state_(std::exchange(other.state_, {})), bytes_(other.bytes_) {}

AwaitedMapping::Pinned& AwaitedMapping::Pinned::operator=(
    Pinned&& other) noexcept {
  std::swap(state_, other.state_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

AwaitedMapping::Pinned::~Pinned() {
  if (const auto state = state_.lock()) state->Unpin(bytes_);
}

}  // namespace pagestall
