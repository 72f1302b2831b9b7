// Questions that the article leaves open, and its readers': what prefetch
// instructions, advice and read-ahead change, how the cache was filled, and
// where in a scan's shape the hazard begins.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/rows/scan_rows.h"
#include "fixtures/cache/page_cache_state.h"
#include "fixtures/window/repetition.h"
#include "lib/executor/executors.h"
#include "lib/source/advice.h"
#include "lib/source/named.h"
#include "lib/source/sources.h"

namespace pagestall {
namespace {

constexpr CacheState kCold = CacheState::kCold;
constexpr CacheState kWarm = CacheState::kWarm;

// One question's rows: <family>/exec:... with what the question adds.
class Question {
 public:
  Question(absl::string_view family, ScanRows& scans, Rows& rows)
      : family_(family), scans_(scans), rows_(rows) {}

  ScanConfig Config(absl::string_view executor, absl::string_view source,
                    CacheState cache) const {
    return scans_.ConfigOf(Named(executor, Executors()),
                           Named(source, Sources()), cache);
  }

  uint64_t files() const { return scans_.options().data.dataset.files; }

  // In every place; `more` as in ScanRows::NameOf().
  void Add(const ScanConfig& config, absl::string_view more = "") {
    for (const ScanConfig& row : scans_.InEveryPlace(config)) {
      scans_.Add(rows_, family_, row, more);
    }
  }

 private:
  std::string family_;
  ScanRows& scans_;
  Rows& rows_;
};

// From a cache line to several MiB ahead.
void AskPrefetch(Question question) {
  constexpr size_t kDistances[] = {
      0, 64, 512, 4096, size_t{32} << 10, size_t{4} << 20};
  for (const CacheState cache : {kCold, kWarm}) {
    for (const size_t distance : kDistances) {
      for (const bool non_temporal : {false, true}) {
        if (distance == 0 && non_temporal) continue;
        ScanConfig config = question.Config("seq", "mmap", cache);
        config.scan.prefetch = {distance, non_temporal};
        question.Add(config, absl::StrCat("/prefetch:", distance, "/hint:",
                                          non_temporal ? "nta" : "read"));
      }
    }
  }
}

// What a mapping can be advised of, and MAP_POPULATE.
void AskAdvice(Question question) {
  for (const CacheState cache : {kCold, kWarm}) {
    ScanConfig config = question.Config("async", "mmap", cache);
    config.window.count_mapped = true;
    question.Add(config, "/advice:normal");
    for (const Advice& advice : Advices()) {
      if (advice.to_mapping == nullptr) continue;
      config.scan.source_options.advice = &advice;
      question.Add(config, absl::StrCat("/advice:", advice.name));
    }
    config = question.Config("async", "mmap_willneed", cache);
    config.window.count_mapped = true;
    question.Add(config, "/advice:willneed_chunks");
  }
}

// What can be said of a file: when it is opened, inside the window, or right
// before it.
void AskReadAhead(Question question) {
  for (const absl::string_view source : {"mmap", "read"}) {
    const ScanConfig plain = question.Config("async", source, kCold);
    question.Add(plain, "/advice:normal/when:never");
    for (const Advice& advice : Advices()) {
      if (advice.to_file == nullptr) continue;
      ScanConfig inside = plain;
      inside.scan.source_options.advice = &advice;
      question.Add(inside, absl::StrCat("/advice:", advice.name, "/when:",
                                        advice.reads ? "inside" : "open"));
      if (!advice.reads) continue;  // it is about that open file alone
      ScanConfig before = plain;
      before.window.advice_before = &advice;
      question.Add(before,
                   absl::StrCat("/advice:", advice.name, "/when:before"));
    }
  }
}

// Warm is not one state.
void AskFill(Question question) {
  for (const Fill fill : {Fill::kReads, Fill::kSmallReads, Fill::kTouch,
                          Fill::kPopulate, Fill::kWrite}) {
    for (const absl::string_view source : {"mmap", "read"}) {
      ScanConfig config = question.Config("seq", source, kWarm);
      config.window.cache.fill = fill;
      config.window.count_folios = true;
      question.Add(config, absl::StrCat("/fill:", Name(fill)));
    }
  }
}

// In blocks of 64 KiB, in a random order that the kernel is not told of.
void AskOrder(Question question) {
  constexpr size_t kBlockBytes = size_t{64} << 10;
  constexpr std::pair<absl::string_view, absl::string_view> kWays[] = {
      {"seq", "mmap"},     {"seq", "read"},          {"threads", "mmap"},
      {"threads", "read"}, {"async", "mmap"},        {"async", "read"},
      {"async", "uring"},  {"async", "mmap_awaited"}};
  for (const CacheState cache : {kCold, kWarm}) {
    for (const auto& [executor, source] : kWays) {
      ScanConfig config = question.Config(executor, source, cache);
      config.scan.random_block_bytes = kBlockBytes;
      question.Add(config);
    }
  }
}

void AskStride(Question question) {
  for (const uint64_t stride : {64, 512, 4096, 64 << 10, 1 << 20}) {
    for (const CacheState cache : {kCold, kWarm}) {
      for (const auto& [executor, source] :
           {std::pair("seq", "mmap"), {"seq", "read"}, {"async", "mmap"}}) {
        ScanConfig config = question.Config(executor, source, cache);
        config.scan.stride = stride;
        question.Add(config);
      }
    }
  }
}

// The first files of the dataset, twice as many each time.
void AskFiles(Question question) {
  for (uint64_t files = 1; files <= question.files(); files *= 2) {
    for (const auto& [executor, source] : {std::pair("seq", "mmap"),
                                           {"threads", "mmap"},
                                           {"async", "mmap"},
                                           {"async", "mmap_awaited"}}) {
      ScanConfig config = question.Config(executor, source, kCold);
      config.files = files;
      question.Add(config);
    }
  }
}

// Where the hazard begins: which share of the dataset is in the page cache.
void AskResident(Question question) {
  for (const int percent : {0, 1, 10, 50, 90, 99, 100}) {
    for (const Layout layout : {Layout::kScattered, Layout::kClustered}) {
      const bool partly = percent != 0 && percent != 100;
      if (!partly && layout == Layout::kClustered) continue;
      for (const absl::string_view source : {"mmap", "mmap_awaited"}) {
        ScanConfig config = question.Config("async", source, {percent});
        config.window.cache.layout = layout;
        question.Add(config, partly ? absl::StrCat("/layout:", Name(layout))
                                    : std::string());
      }
    }
  }
}

void RegisterRows(ScanRows& scans, Rows& rows) {
  constexpr std::pair<const char*, void (*)(Question)> kQuestions[] = {
      {"prefetch", AskPrefetch},   {"advice", AskAdvice},
      {"readahead", AskReadAhead}, {"fill", AskFill},
      {"order", AskOrder},         {"stride", AskStride},
      {"files", AskFiles},         {"resident", AskResident}};
  for (const auto& [family, ask] : kQuestions) {
    ask(Question(family, scans, rows));
  }
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::ScanRows suite(
      "What changes the hazard? Each question is a family of rows: "
      "--benchmark_filter=^fill/\npicks one. prefetch: instructions; advice: "
      "madvise and MAP_POPULATE; readahead:\nreadahead(2) and posix_fadvise; "
      "fill: how the cache was filled; order, stride,\nfiles: the shape of a "
      "scan; resident: the share in the page cache. One repetition\nof all "
      "takes 5 to 15 minutes.",
      pagestall::RegisterRows);
  return pagestall::RunSuite(argc, argv, suite);
}
