#include "lib/probe/stall_probe.h"

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

// Shared with the coroutine, which may outlive the probe by a turn of the loop.
struct StallProbe::State {
  State(const asio::any_io_executor& executor, const Options& chosen)
      : strand(asio::make_strand(executor)), options(chosen) {}

  // Records every tick that was due by `now`, and when the next one is.
  void CatchUp(Clock::time_point now) {
    if (const auto oldest = now - due; oldest > options.late) {
      seen.stalled += oldest - options.late;
    }
    for (; due <= now; due += options.period) {
      seen.lateness.push_back(now - due);
    }
  }

  Stalls TakeSeen(Clock::time_point now) {
    seen.window = now - window_start;
    window_start = now;
    std::sort(seen.lateness.begin(), seen.lateness.end());
    return std::exchange(seen, {});
  }

  static asio::awaitable<void> Tick(std::shared_ptr<State> state) {
    asio::steady_timer timer(state->strand);
    while (state->Await(timer)) {
      asio::error_code cancelled;
      co_await timer.async_wait(
          asio::redirect_error(asio::use_awaitable, cancelled));
    }
  }

  // Sets the timer for the next tick. False if there is to be none.
  bool Await(asio::steady_timer& next) {
    const std::lock_guard lock(mutex);
    timer = running ? &next : nullptr;
    if (!running) return false;
    CatchUp(Clock::now());
    next.expires_at(due);
    return true;
  }

  const asio::strand<asio::any_io_executor> strand;
  const Options options;

  std::mutex mutex;
  bool running = false;
  Clock::time_point window_start;
  Clock::time_point due;
  Stalls seen;
  asio::steady_timer* timer = nullptr;  // the coroutine's; used on the strand
};

StallProbe::StallProbe(const asio::any_io_executor& executor,
                       const Options& options)
    : state_(std::make_shared<State>(executor, options)) {}

StallProbe::~StallProbe() {
  try {
    Stop();
  } catch (const std::exception& /*no memory*/) {
    // The coroutine ends with the execution context.
  }
}

void StallProbe::Start() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->running = true;
    state_->due = state_->window_start = Clock::now();
  }
  asio::co_spawn(state_->strand, State::Tick(state_), asio::detached);
}

Stalls StallProbe::Take() {
  const std::lock_guard lock(state_->mutex);
  return state_->TakeSeen(Clock::now());
}

Stalls StallProbe::Stop() {
  const std::lock_guard lock(state_->mutex);
  if (!std::exchange(state_->running, false)) return {};
  asio::post(state_->strand, [state = state_] {
    const std::lock_guard cancelling(state->mutex);
    if (state->timer != nullptr) state->timer->cancel();
  });
  const Clock::time_point now = Clock::now();
  state_->CatchUp(now);
  return state_->TakeSeen(now);
}

}  // namespace pagestall
