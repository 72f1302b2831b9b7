#include "lib/executor/table.h"

#include "lib/executor/async.h"
#include "lib/executor/blocking.h"

namespace pagestall {

absl::Span<const Executor> Executors() {
  static constexpr Executor kExecutors[] = {
      {"seq", "one thread", false, PrepareSeq},
      {"threads", "{} threads", false, PrepareThreads},
      {"async", "{} coroutines", true, PrepareAsync},
      {"async_seq", "one coroutine", true, PrepareAsyncSeq},
  };
  return kExecutors;
}

}  // namespace pagestall
