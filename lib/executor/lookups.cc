#include "lib/executor/lookups.h"

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "lib/file/exception_status.h"
#include "lib/file/touch.h"
#include "lib/source/blocking_pool.h"

namespace pagestall {

using Clock = std::chrono::steady_clock;

absl::StatusOr<std::unique_ptr<Lookups>> Lookups::Prepare(const Source& source,
                                                          LookupSpec spec) {
  return Caught(
      "prepare the lookups", [&]() -> absl::StatusOr<std::unique_ptr<Lookups>> {
        std::unique_ptr<Lookups> lookups(new Lookups(std::move(spec)));
        absl::Status status = lookups->loop_.Open(
            source, lookups->spec_.paths, lookups->spec_.source_options);
        if (!status.ok()) return status;
        return lookups;
      });
}

Lookups::Lookups(LookupSpec spec)
    : spec_(std::move(spec)),
      buffers_(PageBuffer(spec_.coroutines * spec_.record_bytes)),
      loop_(spec_.coroutines, spec_.watchers),
      latencies_(spec_.lookups.size()) {}

absl::Status Lookups::WarmUp(std::vector<Lookup> lookups) {
  std::swap(spec_.lookups, lookups);
  latencies_.resize(spec_.lookups.size());
  error_.read.Update(loop_.RunBefore([this] { SpawnAll(); }));
  error_.read.Update(error_.checked);
  std::swap(spec_.lookups, lookups);
  latencies_.resize(spec_.lookups.size());
  next_ = 0;
  return error_.read;
}

void Lookups::SpawnAll() {
  for (size_t i = 0; i < spec_.coroutines; ++i) {
    loop_.Spawn(LookUpInTurn(
        buffers_.Part(i * spec_.record_bytes, spec_.record_bytes)));
  }
}

absl::StatusOr<std::vector<std::chrono::nanoseconds>> Lookups::Run() {
  error_.read.Update(loop_.Run([this] { SpawnAll(); }));
  // Bytes that could not be read are zeros for the checks (Touch()), which fail
  // before it is known why.
  error_.read.Update(error_.checked);
  if (!error_.read.ok()) return error_.read;
  return std::move(latencies_);
}

asio::awaitable<void> Lookups::LookUpInTurn(SharedBuffer buffer) {
  while (true) {
    const Clock::time_point begin = Clock::now();
    // A source whose await is always ready would otherwise do all lookups in
    // the first coroutine before the second begins, and nothing else meanwhile.
    co_await asio::post(asio::use_awaitable);
    const bool failed = !error_.read.ok() || !error_.checked.ok();
    if (next_ == spec_.lookups.size() || failed) co_return;
    const size_t index = next_++;
    const Lookup& lookup = spec_.lookups[index];
    const std::optional<Chunk> ready =
        loop_.source(lookup.file)
            .TryAt(lookup.record * spec_.record_bytes, buffer);
    Outcome outcome;
    if (ready) {
      outcome = Check(lookup, *ready);
    } else {
      outcome = co_await LookUp(lookup, buffer);
    }
    error_.read.Update(outcome.read);
    error_.checked.Update(outcome.checked);
    latencies_[index] = Clock::now() - begin;
  }
}

asio::awaitable<Lookups::Outcome> Lookups::LookUp(const Lookup& lookup,
                                                  SharedBuffer buffer) {
  const absl::StatusOr<AwaitedChunk> chunk =
      co_await loop_.source(lookup.file)
          .At(lookup.record * spec_.record_bytes, buffer);
  if (!chunk.ok()) co_return Outcome{.read = chunk.status(), .checked = {}};
  const Chunk bytes = chunk->bytes;
  if (chunk->touch_on == nullptr) co_return Check(lookup, bytes);
  co_return co_await chunk->touch_on->Run(
      [this, &lookup, bytes] { return Check(lookup, bytes); });
}

Lookups::Outcome Lookups::Check(const Lookup& lookup, Chunk bytes) const {
  Outcome outcome;
  outcome.read =
      Touch(bytes, spec_.paths[lookup.file], lookup.record * spec_.record_bytes,
            [&] { outcome.checked = spec_.check(lookup, bytes); });
  return outcome;
}

}  // namespace pagestall
