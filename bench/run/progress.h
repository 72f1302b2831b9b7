#ifndef PAGESTALL_BENCH_RUN_PROGRESS_H_
#define PAGESTALL_BENCH_RUN_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "fixtures/dataset/dataset.h"

namespace pagestall {

// One line on stderr that says how far long work is, drawn over itself; nothing
// where stderr is not a terminal. What the user must know in any case (whom we
// wait for, why a dataset is made anew) is a line of its own either way.
class Progress final : public DatasetObserver {
 public:
  Progress();
  ~Progress() override { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Say how many repetitions there will be, then announce each before it runs,
  // or is not run because of one before it.
  void ExpectRepetitions(int64_t total);
  void BeginRepetition(absl::string_view row);
  int64_t begun() const { return begun_; }
  int64_t expected() const { return repetitions_; }

  void Say(const std::string& line) override;
  void Writes(uint64_t bytes_done, uint64_t bytes_total) override;
  // As an Interruption asks.
  bool Stops() override;

  // Takes the line away.
  void Clear();

 private:
  void Draw(absl::string_view text);

  const bool terminal_;
  int64_t repetitions_ = 0;
  int64_t begun_ = 0;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_RUN_PROGRESS_H_
