#ifndef PAGESTALL_LIB_EXECUTOR_LOOKUPS_H_
#define PAGESTALL_LIB_EXECUTOR_LOOKUPS_H_

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/executor/async_loop.h"
#include "lib/executor/scan.h"
#include "lib/file/shared_buffer.h"
#include "lib/source/source.h"

namespace pagestall {

// A record to read: the `record`-th of a file.
struct Lookup {
  size_t file = 0;
  uint64_t record = 0;
};

struct LookupSpec {
  std::vector<std::string> paths;
  size_t record_bytes = 4096;  // a multiple of a page
  std::vector<Lookup> lookups;
  size_t coroutines = 64;
  SourceOptions source_options;
  // Whether a record's bytes are what they should be (fewer than a record where
  // the file ends). Called on the executor or, where a source says so, on
  // threads of its pool, several at once. Must not throw.
  std::function<absl::Status(const Lookup& lookup, Chunk bytes)> check;
  // They must outlive the lookups.
  std::vector<ScanWatcher*> watchers;
};

// Lookups that are ready to start, on one thread that runs an asio::io_context:
// many coroutines, each of which takes the next lookup of the sequence when its
// last one has ended. Destroying it closes and unmaps.
class Lookups {
 public:
  // Opens every file.
  static absl::StatusOr<std::unique_ptr<Lookups>> Prepare(const Source& source,
                                                          LookupSpec spec);

  // Before the window: makes these lookups, as Run() does, so that the sources
  // are what they are after a while. Errors as of Run().
  absl::Status WarmUp(std::vector<Lookup> lookups);

  // The window: from here until every lookup's bytes were checked, and the
  // watchers let it end. Returns the latency of each lookup, from when a
  // coroutine was ready for it to the checked end, so with the time that it
  // waited for its turn on the executor: the mean is `coroutines` times the
  // time per lookup. After an error no more lookups begin, and the first error
  // is returned, of a read rather than of a check. Call once.
  absl::StatusOr<std::vector<std::chrono::nanoseconds>> Run();

 private:
  explicit Lookups(LookupSpec spec);

  struct Outcome {
    absl::Status read;
    absl::Status checked;
  };

  void SpawnAll();
  asio::awaitable<void> LookUpInTurn(SharedBuffer buffer);
  asio::awaitable<Outcome> LookUp(const Lookup& lookup, SharedBuffer buffer);
  // Touches the record.
  Outcome Check(const Lookup& lookup, Chunk bytes) const;

  LookupSpec spec_;
  SharedBuffer buffers_;  // one per coroutine
  AsyncLoop loop_;
  size_t next_ = 0;
  std::vector<std::chrono::nanoseconds> latencies_;
  Outcome error_;  // the first of each
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_LOOKUPS_H_
