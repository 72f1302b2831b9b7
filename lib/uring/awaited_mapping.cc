#include "lib/uring/awaited_mapping.h"

#include <utility>

namespace pagestall {

absl::StatusOr<std::unique_ptr<AwaitedMapping>> AwaitedMapping::Open(
    const std::string& path, Ring& ring, const Options& options) {
  absl::StatusOr<IoMapping> mapping = IoMapping::Open(path, options);
  if (!mapping.ok()) return mapping.status();
  return std::unique_ptr<AwaitedMapping>(
      new AwaitedMapping(*std::move(mapping), ring));
}

AwaitedMapping::AwaitedMapping(IoMapping mapping, const Ring& ring)
    : mapping_(std::move(mapping)), ring_(ring.state_) {}

AwaitedMapping::~AwaitedMapping() {
  Ring::With(ring_, [&](IoRing* core) -> IoRing::Ticket {
    mapping_.StopReadingAhead(core);
    return nullptr;
  });
}

asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>>
AwaitedMapping::Await(uint64_t offset, size_t size) {
  return Await(mapping_, ring_, offset, size);
}

asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>>
AwaitedMapping::Await(IoMapping mapping, std::shared_ptr<Ring::State> ring,
                      uint64_t offset, size_t size) {
  IoMapping::Request request(mapping, offset, size);
  co_await Ring::Run(std::move(ring), request, RingOperation());
  co_return request.bytes();
}

asio::awaitable<absl::StatusOr<AwaitedMapping::Pinned>>
AwaitedMapping::AwaitPinned(uint64_t offset, size_t size) {
  return AwaitPinned(mapping_, ring_, offset, size);
}

asio::awaitable<absl::StatusOr<AwaitedMapping::Pinned>>
AwaitedMapping::AwaitPinned(IoMapping mapping,
                            std::shared_ptr<Ring::State> ring, uint64_t offset,
                            size_t size) {
  absl::StatusOr<Pinned> pinned = mapping.Pin(offset, size);
  if (!pinned.ok()) co_return pinned.status();
  IoMapping::Request request(*pinned);
  co_await Ring::Run(std::move(ring), request, RingOperation());
  if (!request.bytes().ok()) co_return request.bytes().status();
  co_return pinned;
}

}  // namespace pagestall
