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
#include "bench/rows/dataset_fixtures.h"
#include "bench/rows/dataset_flags.h"
#include "bench/run/suite.h"
#include "fixtures/window/lookup_fixture.h"
#include "fixtures/window/repetition.h"
#include "lib/probe/stall_probe.h"
#include "lib/source/advice.h"
#include "lib/source/named.h"
#include "lib/source/sources.h"

ABSL_FLAG(int64_t, lookups, 20000, "how many lookups a repetition makes");
ABSL_FLAG(int64_t, coroutines, 64, "how many coroutines make them");

namespace pagestall {
namespace {

using std::chrono::nanoseconds;

constexpr int kResidentPct[] = {0, 50, 90, 99, 100};

// Those that are measured as after a while too: the hazard, and what takes its
// place where records are found in memory mostly.
constexpr const char* kSteady[] = {"mmap", "read_nowait", "uring",
                                   "mmap_awaited"};
constexpr int kSteadyResidentPct[] = {50, 90, 99, 100};

class LookupRows final : public Suite {
 public:
  const char* Question() const override {
    return "What does a random lookup in memory-mapped files cost an async "
           "executor, and what\ndo the other ways of reading cost, when a "
           "share of the files is in the page cache?\nThe time of a row is "
           "that of all its lookups (lookup: of freshly opened files;\n"
           "lookup_steady: when what is in memory has been looked up before; "
           "lookup_advice: with\nother advice than random) or the latency "
           "that 99 % of them do not exceed (_p99).";
  }
  void RegisterRows(Rows& rows) override;
  absl::Status Prepare(DatasetObserver& observer) override {
    return fixtures_.Open(options_, observer);
  }
  void End() override { fixtures_.Close(); }

 private:
  std::string RowName(absl::string_view family, const LookupConfig& row,
                      absl::string_view more) const;
  // As ScanRows's. `figure` is the row's time, else it is the window's.
  void Add(Rows& rows, absl::string_view family, const LookupConfig& row,
           absl::string_view more = "",
           nanoseconds (*figure)(const LookupEvidence& evidence) = nullptr);
  // By time and by latency.
  void AddBoth(Rows& rows, absl::string_view family, const LookupConfig& row);
  void AddAdvised(Rows& rows, LookupConfig row);

  DatasetOptions options_;
  DatasetFixtures<LookupFixture> fixtures_;
};

void LookupRows::RegisterRows(Rows& rows) {
  FlagReader& flags = rows.flags();
  options_ = ReadDatasetOptions(flags);
  const int64_t lookups = flags.Read(FLAGS_lookups, 1, 1'000'000'000);
  // As many threads in a pool, as many buffers.
  const int64_t coroutines = flags.Read(FLAGS_coroutines, 1, 4096);
  const auto config = [&](const Source& source, int resident_pct,
                          const Place& place) {
    return LookupConfig{.source = source,
                        .window = {.cache = {resident_pct}, .place = place},
                        .lookups = static_cast<size_t>(lookups),
                        .coroutines = static_cast<size_t>(coroutines)};
  };
  for (const Source& source : Sources()) {
    if (!source.opens_async()) continue;
    for (const Popularity popularity :
         {Popularity::kUniform, Popularity::kZipf}) {
      for (const int resident_pct : kResidentPct) {
        for (const Place& place : options_.Places()) {
          LookupConfig row = config(source, resident_pct, place);
          row.popularity = popularity;
          AddBoth(rows, "lookup", row);
        }
      }
    }
  }
  for (const char* source : kSteady) {
    for (const Popularity popularity :
         {Popularity::kUniform, Popularity::kZipf}) {
      for (const int resident_pct : kSteadyResidentPct) {
        for (const Place& place : options_.Places()) {
          LookupConfig row =
              config(Named(source, Sources()), resident_pct, place);
          row.popularity = popularity;
          row.steady = true;
          AddBoth(rows, "lookup_steady", row);
        }
      }
    }
  }
  for (const int resident_pct : {0, 90}) {
    for (const Place& place : options_.Places()) {
      AddAdvised(rows, config(Named("mmap", Sources()), resident_pct, place));
    }
  }
}

void LookupRows::Add(Rows& rows, absl::string_view family,
                     const LookupConfig& row, absl::string_view more,
                     nanoseconds (*figure)(const LookupEvidence& evidence)) {
  rows.Add(RowName(family, row, more),
           figure == nullptr ? RowTime::kWall : RowTime::kManual,
           [this, row, figure](benchmark::State& state) {
             const auto evidence =
                 RunLookups(state, fixtures_.In(row.window.place), row);
             if (!evidence.ok() || figure == nullptr) return evidence.status();
             return ReportTime(state, figure(*evidence));
           });
}

void LookupRows::AddBoth(Rows& rows, absl::string_view family,
                         const LookupConfig& row) {
  Add(rows, family, row);
  Add(rows, absl::StrCat(family, "_p99"), row, "",
      [](const LookupEvidence& evidence) {
        return Quantile(evidence.latencies, 0.99);
      });
}

// What it costs to have told the kernel nothing, or the wrong thing.
void LookupRows::AddAdvised(Rows& rows, LookupConfig row) {
  row.source_options.random = false;
  for (const char* advice : {"normal", "random", "sequential"}) {
    row.source_options.advice = advice == absl::string_view("normal")
                                    ? nullptr
                                    : &Named(advice, Advices());
    Add(rows, "lookup_advice", row, absl::StrCat("/advice:", advice));
  }
}

std::string LookupRows::RowName(absl::string_view family,
                                const LookupConfig& row,
                                absl::string_view more) const {
  const DatasetSpec& dataset = options_.dataset;
  return absl::StrCat(family, "/exec:async/io:", row.source.name,
                      "/dist:", Name(row.popularity),
                      "/resident_pct:", row.window.cache.resident_pct, more,
                      "/coroutines:", row.coroutines, "/lookups:", row.lookups,
                      "/record_kib:", LookupFixture::kRecordBytes >> 10,
                      options_.Axes(row.window.place), "/files:", dataset.files,
                      "/mib:", dataset.file_bytes >> 20);
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::LookupRows lookups;
  return pagestall::RunSuite(argc, argv, lookups);
}
