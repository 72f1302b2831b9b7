// The article's experiment: the strided sum of the dataset by every executor
// and source that it compares, cold and warm.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/row_name.h"
#include "bench/scan_flags.h"
#include "bench/suite.h"
#include "fixtures/scan_benchmark.h"
#include "fixtures/scan_fixture.h"
#include "fixtures/storage.h"
#include "lib/executor/table.h"
#include "lib/source/table.h"

namespace pagestall {
namespace {

double Min(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

// The rows outlive this: they run after register_rows() has returned.
struct Article {
  ScanOptions options;
  std::unique_ptr<ScanFixture> fixture;

  absl::Status RegisterRows(Progress& progress) {
    absl::StatusOr<ScanOptions> parsed = ScanOptionsFromFlags();
    if (!parsed.ok()) return parsed.status();
    options = *std::move(parsed);
    for (const Executor& executor : Executors()) {
      for (const Source& source : Sources()) {
        if (!executor.supports(source)) continue;
        for (const CacheState cache : {CacheState::kCold, CacheState::kWarm}) {
          RegisterScan({.executor = executor,
                        .source = source,
                        .cache = cache,
                        .source_options = options.source},
                       progress);
        }
      }
    }
    return absl::OkStatus();
  }

  void RegisterScan(const ScanConfig& config, Progress& progress) {
    RegisterRow(ScanRowName("scan", config, options), progress,
                [this, config](benchmark::State& state) {
                  RunScan(state, *fixture, config);
                })
        ->ComputeStatistics("min", Min);
  }

  absl::Status Prepare(Progress& progress) {
    absl::StatusOr<ScanFixture> opened = ScanFixture::Open(
        options.dataset, options.stride, options.evict, progress);
    if (!opened.ok()) return opened.status();
    fixture = std::make_unique<ScanFixture>(*std::move(opened));
    for (const auto& [name, value] :
         DescribeStorage(options.dataset.directory)) {
      benchmark::AddCustomContext(name, value);
    }
    return absl::OkStatus();
  }
};

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::Article article;
  return pagestall::RunSuite(
      argc, argv,
      {.question =
           "How long does a strided sum of the dataset take by mmap and "
           "by read,\non one thread, on a thread per file and on an "
           "async executor, cold and warm?",
       .register_rows =
           [&](auto& progress) { return article.RegisterRows(progress); },
       .prepare = [&](auto& progress) { return article.Prepare(progress); }});
}
