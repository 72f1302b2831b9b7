#include "lib/uring/awaited_mapping.h"

#include <deque>
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

asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>>
AwaitedMapping::LookUp(uint64_t offset, SharedBuffer buffer) {
  return LookUp(mapping_, ring_, offset, std::move(buffer));
}

asio::awaitable<absl::StatusOr<absl::Span<const uint8_t>>>
AwaitedMapping::LookUp(IoMapping mapping, std::shared_ptr<Ring::State> ring,
                       uint64_t offset, SharedBuffer buffer) {
  IoMapping::Reading reading(mapping, offset, buffer);
  co_await Ring::Run(std::move(ring), reading, RingOperation());
  co_return reading.bytes();
}

using Answers = std::vector<absl::StatusOr<absl::Span<const uint8_t>>>;

asio::awaitable<Answers> AwaitedMapping::AwaitAll(std::vector<Range> ranges) {
  return AwaitAll(mapping_, ring_, std::move(ranges));
}

asio::awaitable<Answers> AwaitedMapping::AwaitAll(
    IoMapping mapping, std::shared_ptr<Ring::State> ring,
    std::vector<Range> ranges) {
  mapping.AskForSize();
  Answers answers;
  answers.reserve(ranges.size());
  std::deque<IoMapping::Request> requests;
  std::vector<IoTask*> tasks;
  std::vector<size_t> asked;  // where their answers go
  for (const auto& [offset, size] : ranges) {
    const auto known = mapping.TryAwait(offset, size);
    if (!known) {
      asked.push_back(answers.size());
      tasks.push_back(&requests.emplace_back(mapping, offset, size));
    }
    answers.emplace_back(known.value_or(absl::Span<const uint8_t>()));
  }
  if (!tasks.empty()) {
    co_await Ring::RunAll(std::move(ring), std::move(tasks));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    answers[asked[i]] = requests[i].bytes();
  }
  co_return answers;
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
