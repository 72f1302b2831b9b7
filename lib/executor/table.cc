#include "lib/executor/table.h"

#include "lib/executor/async.h"
#include "lib/executor/blocking.h"

namespace pagestall {
namespace {

bool Blocks(const Source& source) { return source.open_blocking != nullptr; }
bool Awaits(const Source& source) { return source.open_async != nullptr; }

}  // namespace

absl::Span<const Executor> Executors() {
  static constexpr Executor kExecutors[] = {
      {"seq", Blocks, PrepareSeq},
      {"threads", Blocks, PrepareThreads},
      {"async", Awaits, PrepareAsync},
      {"async_seq", Awaits, PrepareAsyncSeq},
  };
  return kExecutors;
}

}  // namespace pagestall
