#ifndef PAGESTALL_LIB_SOURCE_SOURCE_H_
#define PAGESTALL_LIB_SOURCE_SOURCE_H_

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/source/async_environment.h"

namespace pagestall {

// The next bytes of a file, in order. Empty at the end of the file. Valid until
// the next call on the same source.
using Chunk = absl::Span<const uint8_t>;

// Hands out one file's bytes and may put the calling thread to sleep for them.
class BlockingSource {
 public:
  virtual ~BlockingSource() = default;
  virtual absl::StatusOr<Chunk> Next() = 0;
};

// Hands out one file's bytes to a coroutine, which awaits them on its executor.
class AsyncSource {
 public:
  virtual ~AsyncSource() = default;
  virtual asio::awaitable<absl::StatusOr<Chunk>> Next() = 0;
};

// What the sources that have a choice are told.
struct SourceOptions {
  size_t buffer_bytes = size_t{64} << 10;  // of one read
  // In a coroutine: let the executor run others after so many bytes; 0: never.
  size_t yield_bytes = 0;
};

// One way of reading a file: a line of the table in source/table.cc. An opener
// opens the file and makes everything ready, so that what remains for Next() is
// the work to be measured. An opener that is null says that the source makes no
// sense there.
struct Source {
  const char* name;  // [a-z0-9_], as in a row's io:<name>
  bool uses_buffer;  // SourceOptions::buffer_bytes decides its work
  bool can_yield;    // SourceOptions::yield_bytes decides that of a coroutine
  absl::StatusOr<std::unique_ptr<BlockingSource>> (*open_blocking)(
      const std::string& path, const SourceOptions& options);
  absl::StatusOr<std::unique_ptr<AsyncSource>> (*open_async)(
      const std::string& path, const SourceOptions& options,
      AsyncEnvironment& environment);
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_SOURCE_H_
