#include "lib/executor/executors.h"

#include "lib/executor/async.h"
#include "lib/executor/blocking.h"

namespace pagestall {
namespace {

bool OpensBlocking(const Source& source) { return source.opens_blocking(); }

bool OpensAsync(const Source& source) { return source.opens_async(); }

}  // namespace

absl::Span<const Executor> Executors() {
  static constexpr Executor kExecutors[] = {
      {"seq", "one thread", false, false, OpensBlocking, PrepareSeq},
      {"threads", "{} threads", false, true, OpensBlocking, PrepareThreads},
      {"async", "{} coroutines", true, true, OpensAsync, PrepareAsync},
      {"async_seq", "one coroutine", true, false, OpensAsync, PrepareAsyncSeq},
  };
  return kExecutors;
}

}  // namespace pagestall
