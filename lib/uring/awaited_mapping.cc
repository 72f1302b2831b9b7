#include "lib/uring/awaited_mapping.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "lib/file/residency_gate.h"

namespace pagestall {
namespace {

using Bytes = absl::Span<const uint8_t>;

uint64_t PageBytes() {
  static const uint64_t bytes = sysconf(_SC_PAGESIZE);
  return bytes;
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

// A range of the file that is being read ahead.
struct Ahead {
  explicit Ahead(Ring& ring) : operation(ring) {}

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
  State(File file, Mapping mapping, Ring& ring, const Options& options)
      : file_(std::move(file)),
        mapping_(std::move(mapping)),
        gate_(file_, mapping_),
        ring_(ring),
        options_(options) {}

  uint64_t size() const { return mapping_.bytes().size(); }

  asio::awaitable<absl::StatusOr<Bytes>> Await(uint64_t offset, size_t size) {
    const auto self = shared_from_this();
    const Bytes bytes = mapping_.At(offset, size);
    if (bytes.empty()) co_return bytes;
    const uint64_t begin = offset / PageBytes() * PageBytes();
    const uint64_t end = offset + bytes.size();
    const bool in_order = std::exchange(next_, end) == offset;
    const bool was_ahead = co_await Join(begin, end);
    const size_t ready = gate_.Ready(begin, end - begin);
    missing_ = ready < end - begin || (missing_ && was_ahead);
    if (missing_ && in_order && !options_.random) ReadAhead(end, bytes.size());
    if (ready == end - begin) co_return bytes;
    if (options_.random && end - begin <= kSmallBytes) {
      absl::Status status = co_await BringIn(begin, end);
      if (!status.ok()) co_return status;
      if (gate_.Ready(begin, end - begin) == end - begin) co_return bytes;
    }
    absl::Status status = co_await Populate(begin + ready, end);
    if (!status.ok()) co_return status;
    co_return bytes;
  }

  asio::awaitable<absl::StatusOr<Pinned>> AwaitPinned(uint64_t offset,
                                                      size_t size) {
    const auto self = shared_from_this();
    const Bytes bytes = WholePages(mapping_.At(offset, size));
    if (bytes.size() > options_.pin_limit_bytes - pinned_bytes_) {
      co_return absl::ResourceExhaustedError(absl::StrCat(
          "pin ", bytes.size(), " bytes of ", QuotedPath(file_.path()), ": ",
          pinned_bytes_, " of at most ", options_.pin_limit_bytes,
          " are pinned; release some, or raise pin_limit_bytes"));
    }
    Pinned pinned(mapping_.At(offset, size));
    if (bytes.empty()) co_return pinned;
    // Locked before it is read, it cannot be dropped in between; and only what
    // is mapped is held.
    if (absl::Status status = LockOnFault(bytes); !status.ok()) {
      co_return status;
    }
    pins_.push_back(bytes);
    pinned_bytes_ += bytes.size();
    pinned.state_ = weak_from_this();
    const uint64_t begin = bytes.data() - mapping_.bytes().data();
    absl::Status status = co_await Populate(begin, begin + bytes.size());
    if (!status.ok()) co_return status;
    co_return pinned;
  }

  void Unpin(Bytes pinned) {
    const Bytes bytes = WholePages(pinned);
    pins_.erase(std::find_if(pins_.begin(), pins_.end(), [&](Bytes other) {
      return other.data() == bytes.data() && other.size() == bytes.size();
    }));
    pinned_bytes_ -= bytes.size();
    // Page by page, for other pins may share some.
    for (size_t at = 0; at < bytes.size(); at += PageBytes()) {
      const uint8_t* page = bytes.data() + at;
      const bool shared =
          std::any_of(pins_.begin(), pins_.end(), [&](Bytes other) {
            return page >= other.data() && page < other.data() + other.size();
          });
      if (!shared) Unlock({page, 1});
    }
  }

 private:
  // Awaits what is being read ahead of a range. Returns whether something was.
  asio::awaitable<bool> Join(uint64_t begin, uint64_t end) {
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
      // Whether it has failed shows when the range is looked at.
      if (ahead.operation.started()) {
        co_await ahead.operation.Wait();
      }
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
      free->operation.StartAdvise(
          WholePages(mapping_.At(begin, free->end - begin)),
          kMadvisePopulateRead);
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
    return &ahead_.emplace_back(ring_);
  }

  // Into the page cache, not mapped: by a read whose bytes nobody wants. Unlike
  // an madvise() it takes none of the kernel's threads while it waits for the
  // device, of which the ring has four per CPU, so that many small ranges are
  // brought in at once.
  asio::awaitable<absl::Status> BringIn(uint64_t begin, uint64_t end) {
    RingOperation operation(ring_);
    std::vector<uint8_t> unwanted(end - begin);
    const absl::StatusOr<size_t> read =
        co_await AwaitRead(operation, file_, absl::MakeSpan(unwanted), begin);
    co_return read.status();
  }

  asio::awaitable<absl::Status> Populate(uint64_t begin, uint64_t end) {
    RingOperation operation(ring_);
    int result = 0;
    while (begin < end && result == 0) {
      const size_t size = std::min(end - begin, kMostAtOnce);
      operation.StartAdvise(mapping_.At(begin, size), kMadvisePopulateRead);
      result = co_await operation.Wait();
      if (result == 0) begin += size;
      if (result == -EINTR || result == -EAGAIN) result = 0;
    }
    if (result == 0) co_return absl::OkStatus();
    if (result == -EINVAL) {
      co_return absl::UnimplementedError(
          "madvise(MADV_POPULATE_READ): it needs Linux 5.14");
    }
    // Where a touch would raise SIGBUS (madvise(2)).
    if (result == -EFAULT) {
      co_return co_await WhyNot(begin, end);
    }
    co_return ErrnoStatus(-result, absl::StrCat("map at byte ", begin),
                          file_.path());
  }

  // A read has the error that a fault does not tell.
  asio::awaitable<absl::Status> WhyNot(uint64_t begin, uint64_t end) {
    const absl::StatusOr<uint64_t> size = file_.Size();
    if (!size.ok()) co_return size.status();
    if (*size < end) {
      co_return absl::OutOfRangeError(absl::StrCat(
          "map ", QuotedPath(file_.path()), " at byte ", begin,
          ": it was truncated to ", *size, " bytes since it was opened"));
    }
    absl::Status read = co_await BringIn(begin, end);
    if (!read.ok()) co_return read;
    co_return ErrnoStatus(EFAULT, absl::StrCat("map at byte ", begin),
                          file_.path());
  }

  File file_;
  Mapping mapping_;
  ResidencyGate gate_;
  Ring& ring_;
  Options options_;
  uint64_t next_ = 0;     // offset, if awaited front to back
  bool missing_ = false;  // the last range had to be read, ahead or not
  std::vector<Bytes> pins_;
  size_t pinned_bytes_ = 0;
  std::list<Ahead> ahead_;  // ends before the mapping does
};

absl::StatusOr<std::unique_ptr<AwaitedMapping>> AwaitedMapping::Open(
    const std::string& path, Ring& ring, const Options& options) {
  absl::StatusOr<File> file = File::Open(path, O_RDONLY);
  if (!file.ok()) return file.status();
  absl::StatusOr<Mapping> mapping = Mapping::Map(*file);
  if (!mapping.ok()) return mapping.status();
  absl::Status status = options.random ? AdviseRandom(mapping->bytes())
                                       : AdviseSequential(mapping->bytes());
  if (status.ok() && options.random) status = file->Advise(POSIX_FADV_RANDOM);
  if (!status.ok()) return status;
  // In folios of 2 MiB a read does once what it does for each page otherwise,
  // on CPUs for which the kernel's threads compete with the executor.
  if (!options.random) AdviseHugePages(mapping->bytes()).IgnoreError();
  return std::unique_ptr<AwaitedMapping>(
      new AwaitedMapping(std::make_shared<State>(
          *std::move(file), *std::move(mapping), ring, options)));
}

AwaitedMapping::AwaitedMapping(std::shared_ptr<State> state)
    : state_(std::move(state)) {}
AwaitedMapping::~AwaitedMapping() = default;

uint64_t AwaitedMapping::size() const { return state_->size(); }

asio::awaitable<absl::StatusOr<Bytes>> AwaitedMapping::Await(uint64_t offset,
                                                             size_t size) {
  return state_->Await(offset, size);
}

asio::awaitable<absl::StatusOr<AwaitedMapping::Pinned>>
AwaitedMapping::AwaitPinned(uint64_t offset, size_t size) {
  return state_->AwaitPinned(offset, size);
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
