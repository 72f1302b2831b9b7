// An index is not scanned: random lookups of one record each by many coroutines
// on one async executor, with a given share of the dataset in the page cache.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/dataset_fixtures.h"
#include "bench/dataset_flags.h"
#include "bench/row.h"
#include "bench/suite.h"
#include "fixtures/lookup_fixture.h"
#include "fixtures/scan_benchmark.h"
#include "lib/probe/stall_probe.h"
#include "lib/source/advice.h"
#include "lib/source/named.h"
#include "lib/source/table.h"

ABSL_FLAG(int64_t, lookups, 20000, "how many lookups a repetition makes");
ABSL_FLAG(int64_t, coroutines, 64, "how many coroutines make them");

namespace pagestall {
namespace {

constexpr int kResidentPct[] = {0, 50, 90, 99, 100};

// What a row does and in which of the directories of --data_dir.
struct LookupRow : LookupConfig {
  size_t directory = 0;
};

class LookupSuite {
 public:
  absl::Status RegisterRows(Progress& progress);
  absl::Status Prepare(Progress& progress);
  void End() { fixtures_.Close(); }

 private:
  std::string RowName(const char* family, const LookupRow& row,
                      absl::string_view more = "") const;
  void RegisterRowsOf(const LookupRow& row, Progress& progress);
  void RegisterAdviceRows(const LookupRow& row, Progress& progress);

  DatasetOptions options_;
  DatasetFixtures<LookupFixture> fixtures_;
};

absl::Status LookupSuite::RegisterRows(Progress& progress) {
  absl::StatusOr<DatasetOptions> options = DatasetOptionsFromFlags();
  const int64_t lookups = absl::GetFlag(FLAGS_lookups);
  const int64_t coroutines = absl::GetFlag(FLAGS_coroutines);
  absl::Status status = options.status();
  status.Update(CheckFlag("lookups", lookups, 1, 1'000'000'000));
  // As many threads in a pool, as many buffers.
  status.Update(CheckFlag("coroutines", coroutines, 1, 4096));
  if (!status.ok()) return status;
  options_ = *std::move(options);
  for (const Source& source : Sources()) {
    if (source.open_async == nullptr) continue;
    for (const Popularity popularity :
         {Popularity::kUniform, Popularity::kZipf}) {
      for (const int resident_pct : kResidentPct) {
        for (const Place& place : options_.Places()) {
          RegisterRowsOf({{.source = source,
                           .cache = {resident_pct},
                           .popularity = popularity,
                           .lookups = static_cast<size_t>(lookups),
                           .coroutines = static_cast<size_t>(coroutines),
                           .read_ahead_kib = place.read_ahead_kib},
                          place.directory},
                         progress);
        }
      }
    }
  }
  for (const int resident_pct : {0, 90}) {
    for (const Place& place : options_.Places()) {
      RegisterAdviceRows({{.source = Named("mmap", Sources()),
                           .cache = {resident_pct},
                           .lookups = static_cast<size_t>(lookups),
                           .coroutines = static_cast<size_t>(coroutines),
                           .read_ahead_kib = place.read_ahead_kib},
                          place.directory},
                         progress);
    }
  }
  return absl::OkStatus();
}

void LookupSuite::RegisterRowsOf(const LookupRow& row, Progress& progress) {
  RegisterRow(
      RowName("lookup", row), RowTime::kWall, progress,
      [this, row](benchmark::State& state) {
        return RunLookups(state, fixtures_.In(row.directory), row).status();
      });
  RegisterRow(RowName("lookup_p99", row), RowTime::kManual, progress,
              [this, row](benchmark::State& state) {
                const auto evidence =
                    RunLookups(state, fixtures_.In(row.directory), row);
                if (!evidence.ok()) return evidence.status();
                return ReportTime(state, Quantile(evidence->latencies, 0.99));
              });
}

// What it costs to have told the kernel nothing, or the wrong thing.
void LookupSuite::RegisterAdviceRows(const LookupRow& row, Progress& progress) {
  for (const char* advice : {"normal", "random", "sequential"}) {
    LookupRow advised = row;
    advised.source_options.random = false;
    if (advice != absl::string_view("normal")) {
      advised.source_options.advice = &Named(advice, Advices());
    }
    RegisterRow(
        RowName("lookup_advice", advised, absl::StrCat("/advice:", advice)),
        RowTime::kWall, progress, [this, advised](benchmark::State& state) {
          return RunLookups(state, fixtures_.In(advised.directory), advised)
              .status();
        });
  }
}

std::string LookupSuite::RowName(const char* family, const LookupRow& row,
                                 absl::string_view more) const {
  const DatasetSpec& dataset = options_.dataset;
  return absl::StrCat(
      family, "/exec:async/io:", row.source.name,
      "/dist:", Name(row.popularity), "/resident_pct:", row.cache.resident_pct,
      more, "/coroutines:", row.coroutines, "/lookups:", row.lookups,
      "/record_kib:", LookupFixture::kRecordBytes >> 10,
      options_.Axes(
          {.directory = row.directory, .read_ahead_kib = row.read_ahead_kib}),
      "/files:", dataset.files, "/mib:", dataset.file_bytes >> 20);
}

absl::Status LookupSuite::Prepare(Progress& progress) {
  return fixtures_.Open(options_, [&](const DatasetSpec& dataset) {
    return LookupFixture::Open(dataset, options_.evict, progress);
  });
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::LookupSuite lookups;
  return pagestall::RunSuite(
      argc, argv,
      {.question =
           "What does a random lookup in memory-mapped files cost an async "
           "executor, and what\ndo the other ways of reading cost, when a "
           "share of the files is in the page cache?\nThe time of a row is "
           "that of all its lookups (lookup; lookup_advice: with other\n"
           "advice than random) or the latency that 99 % of them do not exceed "
           "(lookup_p99).",
       .register_rows =
           [&](auto& progress) { return lookups.RegisterRows(progress); },
       .prepare = [&](auto& progress) { return lookups.Prepare(progress); },
       .end = [&] { lookups.End(); }});
}
