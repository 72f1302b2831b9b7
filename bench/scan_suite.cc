#include "bench/scan_suite.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/string_view.h"
#include "bench/suite.h"
#include "fixtures/storage.h"
#include "lib/executor/table.h"
#include "lib/source/table.h"

namespace pagestall {

absl::Status ScanSuite::ReadFlags() {
  absl::StatusOr<ScanOptions> options = ScanOptionsFromFlags();
  if (!options.ok()) return options.status();
  options_ = *std::move(options);
  return absl::OkStatus();
}

std::vector<ScanConfig> ScanSuite::Configs() const {
  std::vector<ScanConfig> configs;
  for (const Executor& executor : Executors()) {
    for (const Source& source : Sources()) {
      if (!executor.Supports(source)) continue;
      std::vector<size_t> yields = {0};
      if (executor.async && source.can_yield && options_.yield_bytes > 0) {
        yields.push_back(options_.yield_bytes);
      }
      for (const size_t yield_bytes : yields) {
        for (const CacheState cache : {CacheState::kCold, CacheState::kWarm}) {
          configs.push_back({.executor = executor,
                             .source = source,
                             .cache = cache,
                             .source_options = OptionsOf(source),
                             .yield_bytes = yield_bytes,
                             .files = options_.dataset.files,
                             .stride = options_.stride,
                             .prefetch = {}});
        }
      }
    }
  }
  return configs;
}

ScanConfig ScanSuite::ConfigOf(absl::string_view executor,
                               absl::string_view source,
                               CacheState cache) const {
  const std::vector<ScanConfig> configs = Configs();
  const auto found =
      std::find_if(configs.begin(), configs.end(), [&](const ScanConfig& one) {
        return one.executor.name == executor && one.source.name == source &&
               one.yield_bytes == 0;
      });
  if (found == configs.end()) std::abort();
  ScanConfig config = *found;
  config.cache = cache;
  return config;
}

SourceOptions ScanSuite::OptionsOf(const Source& source) const {
  return {.buffer_bytes = options_.buffer_bytes,
          .chunk_bytes = options_.chunk_bytes > 0 ? options_.chunk_bytes
                                                  : source.chunk_bytes,
          .ahead = options_.ahead > 0 ? options_.ahead : source.ahead};
}

absl::Status ScanSuite::Prepare(Progress& progress) {
  absl::StatusOr<ScanFixture> fixture =
      ScanFixture::Open(options_.dataset, options_.evict, progress);
  if (!fixture.ok()) return fixture.status();
  fixture_ = std::make_unique<ScanFixture>(*std::move(fixture));
  for (const auto& [name, value] :
       DescribeStorage(options_.dataset.directory)) {
    benchmark::AddCustomContext(name, value);
  }
  return absl::OkStatus();
}

bool IsOfTheArticle(const Source& source) {
  return source.name == absl::string_view("mmap") ||
         source.name == absl::string_view("read");
}

int RunScanSuite(int argc, char** argv, const char* question,
                 absl::Status (*register_rows)(ScanSuite& scans,
                                               Progress& progress)) {
  ScanSuite scans;
  return RunSuite(
      argc, argv,
      {.question = question,
       .register_rows =
           [&](auto& progress) {
             absl::Status status = scans.ReadFlags();
             return status.ok() ? register_rows(scans, progress) : status;
           },
       .prepare = [&](auto& progress) { return scans.Prepare(progress); }});
}

}  // namespace pagestall
