#include "lib/executor/table.h"

#include "lib/executor/async.h"
#include "lib/executor/blocking.h"

namespace pagestall {
absl::Span<const Executor> Executors() {
  static constexpr Executor kExecutors[] = {
      {"seq", false, PrepareSeq},
      {"threads", false, PrepareThreads},
      {"async", true, PrepareAsync},
      {"async_seq", true, PrepareAsyncSeq},
  };
  return kExecutors;
}

}  // namespace pagestall
