#include "lib/probe/executor_probe.h"

#include <unistd.h>

#include <algorithm>
#include <asio/dispatch.hpp>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "lib/probe/executor_epoll.h"
#include "lib/probe/milliseconds.h"

namespace pagestall {
namespace {

// What a status says, of `what` that was to be measured.
std::string Unknown(const std::string& what, const absl::Status& status) {
  return absl::StrCat(what, ": ",
                      absl::StripPrefix(status.message(), what + ": "));
}

// "blocked 12.3 ms" or "blocked 0.0 to 12.3 ms"; of several workers "blocked at
// most 12.3, 99.0 ms of threads 7, 8".
std::string Blocked(const ExecutorReport& report) {
  if (!report.blocked.ok()) {
    return Unknown("blocked time", report.blocked.status());
  }
  if (report.workers.size() == 1) {
    const std::string least =
        absl::StrFormat("%.1f", Milliseconds(report.blocked->at_least));
    const std::string most =
        absl::StrFormat("%.1f", Milliseconds(report.blocked->at_most));
    return absl::StrCat("blocked ", least,
                        least == most ? "" : absl::StrCat(" to ", most), " ms");
  }
  const auto time = [](std::string* out, const WorkerReport& worker) {
    absl::StrAppendFormat(out, "%.1f", Milliseconds(worker.blocked->at_most));
  };
  const auto thread = [](std::string* out, const WorkerReport& worker) {
    absl::StrAppend(out, worker.thread);
  };
  return absl::StrCat(
      "blocked at most ", absl::StrJoin(report.workers, ", ", time),
      " ms of threads ", absl::StrJoin(report.workers, ", ", thread));
}

std::string Counts(const absl::StatusOr<FaultsAndSwitches>& usage) {
  if (!usage.ok()) return Unknown("faults and switches", usage.status());
  return absl::StrFormat(
      "faults %d major, %d minor; switches %d voluntary, %d involuntary",
      usage->major_faults, usage->minor_faults, usage->voluntary_switches,
      usage->involuntary_switches);
}

void SetUnknown(ExecutorReport& report, absl::string_view why) {
  report.blocked =
      absl::FailedPreconditionError(absl::StrCat("blocked time: ", why));
  report.usage =
      absl::FailedPreconditionError(absl::StrCat("faults and switches: ", why));
}

void AddUp(ExecutorReport& report) {
  report.blocked = BlockedTime();
  report.usage = FaultsAndSwitches();
  if (report.workers.empty()) {
    SetUnknown(report, "no thread has run the executor in the window");
  }
  for (const WorkerReport& worker : report.workers) {
    if (!worker.blocked.ok()) {
      report.blocked = worker.blocked.status();
    } else if (report.blocked.ok()) {
      report.blocked->at_least += worker.blocked->at_least;
      report.blocked->at_most += worker.blocked->at_most;
    }
    if (!worker.usage.ok()) {
      report.usage = worker.usage.status();
    } else if (report.usage.ok()) {
      report.usage = *report.usage + *worker.usage;
    }
  }
}

}  // namespace

std::string ExecutorReport::ToString() const {
  return absl::StrFormat(
      "in %.1f ms: %s; stalled %.1f %%, late p50 %.3f ms, p99 %.3f ms, "
      "p99.9 %.3f ms, max %.3f ms; %s",
      Milliseconds(stalls.window), Blocked(*this), stalls.StalledPercent(),
      Milliseconds(stalls.Quantile(0.5)), Milliseconds(stalls.Quantile(0.99)),
      Milliseconds(stalls.Quantile(0.999)), Milliseconds(stalls.Quantile(1)),
      Counts(usage));
}

// The threads that have been seen to run the executor. Outlives the probe by a
// turn of the loop.
class ExecutorProbe::Workers {
 public:
  explicit Workers(RunBy run_by) : run_by_(run_by) {}

  void Begin(absl::StatusOr<int> epoll) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(begun_, true)) return;
    epoll_ = std::move(epoll);
    open_ = true;
  }

  // A tick runs on the calling thread.
  void Tick() {
    AddThisThread();
    const std::lock_guard lock(mutex_);
    const pid_t thread = gettid();
    if (std::exchange(ticked_, thread) != thread) ticks_in_a_row_ = 0;
    ++ticks_in_a_row_;
  }

  // Measures the calling thread from now on, if that is not done.
  void AddThisThread() {
    const std::lock_guard lock(mutex_);
    if (!open_ ||
        std::any_of(workers_.begin(), workers_.end(), [](const Worker& worker) {
          return worker.IsThisThread();
        })) {
      return;
    }
    Worker worker{
        .thread = gettid(),
        .clock = epoll_.ok() ? BlockedClock::Start(*epoll_) : epoll_.status(),
        .blocked = {},
        .usage = {}};
    if (!worker.clock.ok()) worker.usage = FaultsAndSwitches::OfThisThread();
    workers_.push_back(std::move(worker));
  }

  std::vector<WorkerReport> Take() {
    const std::lock_guard lock(mutex_);
    std::vector<WorkerReport> reports;
    reports.reserve(workers_.size());
    for (Worker& worker : workers_) reports.push_back(worker.Take());
    // Another that idles would have run the next tick after one of this.
    const bool is_alone =
        reports.size() == 1 &&
        (run_by_ == RunBy::kOneThread ||
         (reports.front().thread == ticked_ && ticks_in_a_row_ > 1));
    for (WorkerReport& report : reports) {
      if (!is_alone && report.blocked.ok()) {
        report.blocked->at_least = std::chrono::nanoseconds(0);
      }
    }
    std::erase_if(workers_,
                  [](const Worker& worker) { return worker.has_ended; });
    return reports;
  }

  void End() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    workers_.clear();
  }

 private:
  struct Worker {
    bool IsThisThread() const {
      return clock.ok() ? (*clock)->MeasuresThisThread() : thread == gettid();
    }

    WorkerReport Take() {
      // Asked first: what it did until its end is in this report.
      const bool ended = clock.ok() && (*clock)->HasEnded();
      WorkerReport report{
          .thread = thread,
          .blocked = clock.ok() ? (*clock)->Elapsed()
                                : absl::StatusOr<BlockedTime>(clock.status()),
          .usage = clock.ok() ? (*clock)->Usage()
                              : FaultsAndSwitches::OfThread(thread)};
      if (report.blocked.ok()) {
        report.blocked =
            *report.blocked - std::exchange(blocked, *report.blocked);
      }
      if (report.usage.ok()) {
        report.usage = *report.usage - std::exchange(usage, *report.usage);
      }
      has_ended = ended || absl::IsNotFound(report.usage.status());
      return report;
    }

    pid_t thread;
    absl::StatusOr<std::unique_ptr<BlockedClock>> clock;
    // At the start of the window.
    BlockedTime blocked;
    FaultsAndSwitches usage;
    bool has_ended = false;
  };

  const RunBy run_by_;
  std::mutex mutex_;
  bool begun_ = false;
  bool open_ = false;
  absl::StatusOr<int> epoll_;
  std::vector<Worker> workers_;
  pid_t ticked_ = 0;  // ran the last tick, and
  int ticks_in_a_row_ = 0;
};

ExecutorProbe::ExecutorProbe(const asio::any_io_executor& executor,
                             const StallProbe::Options& options, RunBy run_by)
    : process_(getpid()),
      executor_(executor),
      workers_(std::make_shared<Workers>(run_by)),
      stalls_(executor, options, [workers = workers_] { workers->Tick(); }) {}

ExecutorProbe::~ExecutorProbe() {
  if (process_ == getpid()) workers_->End();
}

bool ExecutorProbe::IsOfAnotherProcess(ExecutorReport& report) const {
  if (process_ == getpid()) return false;
  SetUnknown(report, absl::StrCat("the probe is one of process ", process_,
                                  ", of which this is a child (fork(2))"));
  return true;
}

void ExecutorProbe::Start() {
  if (process_ != getpid()) return;
  workers_->Begin(EpollOf(executor_));
  // At once if this thread runs the executor.
  asio::dispatch(executor_, [workers = workers_] { workers->AddThisThread(); });
  stalls_.Start();
}

ExecutorReport ExecutorProbe::Take() {
  ExecutorReport report;
  if (IsOfAnotherProcess(report)) return report;
  report.stalls = stalls_.Take();
  report.workers = workers_->Take();
  AddUp(report);
  return report;
}

ExecutorReport ExecutorProbe::Stop() {
  ExecutorReport report;
  if (IsOfAnotherProcess(report)) return report;
  report.stalls = stalls_.Stop();
  report.workers = workers_->Take();
  AddUp(report);
  workers_->End();
  return report;
}

}  // namespace pagestall
