#ifndef PAGESTALL_LIB_SOURCE_SOURCE_H_
#define PAGESTALL_LIB_SOURCE_SOURCE_H_

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/file/shared_buffer.h"
#include "lib/source/advice.h"
#include "lib/source/async_environment.h"

namespace pagestall {

// Bytes of a file.
using Chunk = absl::Span<const uint8_t>;

// Hands out one file's bytes and may put the calling thread to sleep for them.
class BlockingSource {
 public:
  virtual ~BlockingSource() = default;

  // The next bytes, in order. Empty at the end of the file. Valid until the
  // next call.
  virtual absl::StatusOr<Chunk> Next() = 0;

  // As many bytes from `offset` as `buffer` holds, fewer where the file ends:
  // in the buffer or wherever they lie. Valid as long as the buffer and the
  // source.
  virtual absl::StatusOr<Chunk> At(uint64_t offset,
                                   absl::Span<uint8_t> buffer) = 0;
};

// Bytes, and where to touch them.
struct AwaitedChunk {
  Chunk bytes;
  // To touch them may sleep: do it on this pool. Null: do it on the executor.
  BlockingPool* touch_on = nullptr;
};

// Hands out one file's bytes to coroutines, which await them on their executor.
// Validity is as above.
class AsyncSource {
 public:
  virtual ~AsyncSource() = default;

  // One coroutine.
  virtual asio::awaitable<absl::StatusOr<AwaitedChunk>> Next() = 0;

  // What At() would hand out, to be touched on the executor, where that can be
  // said at once and without a coroutine; otherwise nothing.
  virtual std::optional<Chunk> TryAt(uint64_t /*offset*/,
                                     const SharedBuffer& /*buffer*/) {
    return std::nullopt;
  }

  // Many coroutines at once. For O_DIRECT's sake `buffer` is aligned to a page
  // and a multiple of one, and so is `offset`. The source may hold the buffer
  // longer than the await lasts, if that is cut short: whoever reads into it
  // may not be done.
  virtual asio::awaitable<absl::StatusOr<AwaitedChunk>> At(
      uint64_t offset, SharedBuffer buffer) = 0;
};

// What the sources that have a choice are told.
struct SourceOptions {
  size_t buffer_bytes = size_t{64} << 10;  // of one read
  size_t chunk_bytes = size_t{1} << 20;    // of a mapping, or of a large read
  size_t ahead = 1;  // chunks brought in beyond the one that is handed out
  // The kernel is told that At() will be called in no order: no read-ahead.
  bool random = false;
  // Given by `mmap` and `read`: when they open, or by the first Next() if the
  // kernel reads for it. Null: none.
  const Advice* advice = nullptr;
};

// How the executors of this library open a file by a source, and make
// everything ready, so that what remains for Next() is the work to be measured.
// Null where the source makes no sense.
struct Openers {
  absl::StatusOr<std::unique_ptr<BlockingSource>> (*blocking)(
      const std::string& path, const SourceOptions& options) = nullptr;
  absl::StatusOr<std::unique_ptr<AsyncSource>> (*async)(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment) = nullptr;
};

// Those of a source, to point to.
template <auto kBlocking, auto kAsync>
inline constexpr Openers kOpeners = {.blocking = kBlocking, .async = kAsync};
template <auto kAsync>
inline constexpr Openers kAsyncOpener = {.async = kAsync};

// One way of reading a file, whoever reads: a line of the table in
// source/sources.cc.
struct Source {
  const char* name;          // [a-z0-9_], as in a row's io:<name>
  const char* words = "";    // what it does, for a person
  bool uses_buffer = false;  // SourceOptions::buffer_bytes decides its work
  // In a coroutine, hands out more at once than others on its executor should
  // have to wait for.
  bool can_yield = false;
  // The best SourceOptions::chunk_bytes and ahead; 0: it does not use them.
  size_t chunk_bytes = 0;
  size_t ahead = 0;
  // Of the executors of this library; another one says itself what it can open.
  const Openers* openers = nullptr;

  bool opens_blocking() const {
    return openers != nullptr && openers->blocking != nullptr;
  }
  bool opens_async() const {
    return openers != nullptr && openers->async != nullptr;
  }
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_SOURCE_H_
