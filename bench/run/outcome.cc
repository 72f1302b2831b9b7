#include "bench/run/outcome.h"

#include "absl/strings/str_cat.h"

namespace pagestall {
namespace {

constexpr char kNotAvailable[] = "not available here: ";
constexpr char kInterrupted[] = "not run: interrupted";

}  // namespace

bool IsNotAvailable(const absl::Status& status) {
  return absl::IsUnimplemented(status) || absl::IsPermissionDenied(status);
}

Outcome Outcome::Of(const absl::Status& status) {
  if (status.ok()) return {Kind::kMeasured, ""};
  if (!IsNotAvailable(status)) return {Kind::kFailed, status.message()};
  return {Kind::kNotAvailable, absl::StrCat(kNotAvailable, status.message())};
}

Outcome Outcome::Hung(const absl::Status& status) {
  return {Kind::kHung, status.message()};
}

Outcome Outcome::Interrupted() { return {Kind::kInterrupted, kInterrupted}; }

void Outcome::Report(benchmark::State& state) const {
  if (kind_ == Kind::kMeasured) return;
  if (kind_ == Kind::kInterrupted) state.SetLabel(kInterrupted);
  state.SkipWithError(message_.c_str());
}

bool Outcome::WasInterrupted(const benchmark::BenchmarkReporter::Run& run) {
  return run.report_label == kInterrupted;
}

void Outcomes::Add(const std::string& row, bool ran, const Outcome& outcome) {
  kinds_.insert(outcome.kind());
  if (outcome.kind() == Outcome::Kind::kHung) hung_ = row;
  if (ran) ++ran_of_[row];
}

int64_t Outcomes::ran() const {
  int64_t sum = 0;
  for (const auto& [row, ran] : ran_of_) sum += ran;
  return sum;
}

int64_t Outcomes::ran(const std::string& row) const {
  const auto found = ran_of_.find(row);
  return found == ran_of_.end() ? 0 : found->second;
}

int Outcomes::ExitCode() const {
  using Kind = Outcome::Kind;
  if (any(Kind::kFailed) || any(Kind::kHung)) return 1;
  if (any(Kind::kMeasured) || any(Kind::kInterrupted)) return 0;
  return kNothingMeasured;
}

}  // namespace pagestall
