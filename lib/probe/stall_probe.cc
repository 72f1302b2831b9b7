#include "lib/probe/stall_probe.h"

#include <unistd.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error_code.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <cmath>
#include <exception>
#include <mutex>
#include <utility>

namespace pagestall {

using Clock = std::chrono::steady_clock;

std::chrono::nanoseconds Quantile(
    const std::vector<std::chrono::nanoseconds>& ascending, double q) {
  if (ascending.empty()) return std::chrono::nanoseconds(0);
  const double rank = std::ceil(q * static_cast<double>(ascending.size()));
  const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return ascending[std::min(index, ascending.size() - 1)];
}

double Stalls::StalledPercent() const {
  if (window.count() == 0) return 0;
  return 100.0 * static_cast<double>(stalled.count()) /
         static_cast<double>(window.count());
}

namespace {

// Less than a turn of a loop takes.
constexpr std::chrono::microseconds kShortest(1);

Stalls Sorted(Stalls stalls) {
  std::sort(stalls.lateness.begin(), stalls.lateness.end());
  return stalls;
}

}  // namespace

// Shared with the coroutine, which may outlive the probe by a turn of the loop.
struct StallProbe::State {
  State(const asio::any_io_executor& executor, const Options& chosen,
        std::function<void()> chosen_on_tick)
      : strand(asio::make_strand(executor)),
        options(chosen),
        on_tick(std::move(chosen_on_tick)) {}

  // Another thread may hold the mutex, which no child inherits.
  bool IsOfAnotherProcess() const { return process != getpid(); }

  // Adds what has been stalled until `now`.
  void AddStalled(Clock::time_point now) {
    const auto late_since = std::max(due + options.late, stalled_until);
    if (late_since >= now) return;
    seen.stalled += now - late_since;
    stalled_until = now;
  }

  // Records every tick that was due by `now`, and when the next one is.
  void CatchUp(Clock::time_point now) {
    AddStalled(now);
    const auto period =
        std::max<std::chrono::nanoseconds>(options.period, kShortest);
    for (; due <= now; due += period) {
      seen.lateness.push_back(now - due);
    }
  }

  Stalls TakeSeen(Clock::time_point now) {
    AddStalled(now);
    seen.window = now - window_start;
    window_start = now;
    return std::exchange(seen, {});
  }

  static asio::awaitable<void> Tick(std::shared_ptr<State> state) {
    asio::steady_timer timer(state->strand);
    while (state->Await(timer)) {
      if (state->on_tick) state->on_tick();
      asio::error_code cancelled;
      co_await timer.async_wait(
          asio::redirect_error(asio::use_awaitable, cancelled));
    }
  }

  // Sets the timer for the next tick. False if there is to be none.
  bool Await(asio::steady_timer& next) {
    if (IsOfAnotherProcess()) return false;
    const std::lock_guard lock(mutex);
    timer = running ? &next : nullptr;
    if (!running) return false;
    CatchUp(Clock::now());
    next.expires_at(due);
    return true;
  }

  const pid_t process = getpid();
  const asio::strand<asio::any_io_executor> strand;
  const Options options;
  const std::function<void()> on_tick;

  std::mutex mutex;
  bool started = false;
  bool running = false;
  Clock::time_point window_start;
  Clock::time_point due;
  Clock::time_point stalled_until;  // as far as it has been counted
  Stalls seen;
  asio::steady_timer* timer = nullptr;  // the coroutine's; used on the strand
};

StallProbe::StallProbe(const asio::any_io_executor& executor,
                       const Options& options, std::function<void()> on_tick)
    : state_(std::make_shared<State>(executor, options, std::move(on_tick))) {}

StallProbe::~StallProbe() {
  try {
    Stop();
  } catch (const std::exception& /*no memory*/) {
    // The coroutine ends with the execution context.
  }
}

void StallProbe::Start() {
  if (state_->IsOfAnotherProcess()) return;
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->started, true)) return;
    state_->running = true;
    state_->due = state_->window_start = state_->stalled_until = Clock::now();
  }
  asio::co_spawn(state_->strand, State::Tick(state_), asio::detached);
}

Stalls StallProbe::Take() {
  if (state_->IsOfAnotherProcess()) return {};
  std::unique_lock lock(state_->mutex);
  if (!state_->running) return {};
  Stalls seen = state_->TakeSeen(Clock::now());
  lock.unlock();  // the executor need not wait for the rest
  return Sorted(std::move(seen));
}

Stalls StallProbe::Stop() {
  if (state_->IsOfAnotherProcess()) return {};
  std::unique_lock lock(state_->mutex);
  if (!std::exchange(state_->running, false)) return {};
  asio::post(state_->strand, [state = state_] {
    const std::lock_guard cancelling(state->mutex);
    if (state->timer != nullptr) state->timer->cancel();
  });
  const Clock::time_point now = Clock::now();
  state_->CatchUp(now);
  Stalls seen = state_->TakeSeen(now);
  lock.unlock();
  return Sorted(std::move(seen));
}

}  // namespace pagestall
