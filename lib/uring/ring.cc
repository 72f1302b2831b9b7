#include "lib/uring/ring.h"

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/error_code.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/exception_status.h"
#include "lib/file/file.h"
#include "lib/file/shared_buffer.h"

namespace pagestall {
namespace {

// How long a kernel that is short of memory is left alone.
constexpr std::chrono::milliseconds kRetry{1};

}  // namespace

// Of a ring that is open, what belongs to its execution context. Guarded by a
// mutex only so that a second thread finds a ring it can say no with: that is
// never waited for where the rules are kept.
class Ring::State final : public std::enable_shared_from_this<State> {
 public:
  static absl::StatusOr<std::shared_ptr<State>> Open(
      const asio::any_io_executor& executor);

  explicit State(const asio::any_io_executor& executor)
      : executor_(asio::prefer(executor,
                               asio::execution::outstanding_work.untracked)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Coroutines that wait are unwound by their executors.
  bool Close(std::chrono::nanoseconds limit);

  // Starts what `start` starts. Null, and `done` is left, once it was closed.
  IoRing::Ticket Start(
      IoRing::Done& done,
      absl::FunctionRef<IoRing::Ticket(IoRing& core, IoRing::Done done)> start);

  bool RunsOn(const asio::any_io_executor& executor) const {
    return executor == executor_;
  }
  bool InFlight(const IoRing::Ticket& ticket);
  void Cancel(const IoRing::Ticket& ticket);
  void Abandon(const IoRing::Ticket& ticket);
  absl::Status StatusOf(int result);

  // An await of what `start` starts. The handler is told on its own executor.
  template <typename Begin>
  static asio::awaitable<int> Await(std::shared_ptr<State> state, Begin begin);

 private:
  class Service;

  // What of Asio's the ring has.
  struct Loop {
    explicit Loop(const asio::any_io_executor& executor)
        : signalled(executor), retry(executor) {}

    asio::posix::stream_descriptor signalled;  // the core's
    asio::steady_timer retry;
    Service* service = nullptr;  // that closes the ring with its context
    bool turn_posted = false;
    bool listening = false;
    bool retrying = false;
  };

  template <typename Handler>
  class Resume;

  void TurnSoon();
  void Turn();
  void PrepareNext(bool short_of_memory);
  void Listen();
  void Signalled(const asio::error_code& error);

  const asio::any_io_executor executor_;
  std::mutex mutex_;
  IoRing::Owner core_;        // null: closed
  std::optional<Loop> loop_;  // as long as that is not
};

// Closes the rings of an execution context when that is destroyed, so that the
// coroutines are which wait for them, and what these own.
class Ring::State::Service final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;

  explicit Service(asio::execution_context& context)
      : asio::execution_context::service(context) {}

  void Add(State* state) {
    const std::lock_guard lock(mutex_);
    states_.insert(state);
  }
  void Remove(State* state) {
    const std::lock_guard lock(mutex_);
    states_.erase(state);
  }

 private:
  void shutdown() override {
    while (const std::shared_ptr<State> state = Any()) state->Close({});
  }

  std::shared_ptr<State> Any() {
    const std::lock_guard lock(mutex_);
    return states_.empty() ? nullptr : (*states_.begin())->shared_from_this();
  }

  std::mutex mutex_;
  std::unordered_set<State*> states_;
};

// A handler, told on its own executor.
template <typename Handler>
class Ring::State::Resume {
 public:
  Resume(Handler handler, bool here)
      : handler_(std::move(handler)), here_(here) {}

  void operator()(int result) {
    if (here_) return std::move(handler_)(result);
    const auto executor = asio::get_associated_executor(handler_);
    asio::dispatch(executor, [handler = std::move(handler_), result]() mutable {
      std::move(handler)(result);
    });
  }

 private:
  Handler handler_;
  bool here_;  // that is the ring's
};

template <typename Begin>
asio::awaitable<int> Ring::State::Await(std::shared_ptr<State> state,
                                        Begin begin) {
  auto initiate = [](auto handler, const std::shared_ptr<State>& self,
                     const Begin& start) {
    const asio::any_io_executor executor =
        asio::get_associated_executor(handler);
    const auto slot = asio::get_associated_cancellation_slot(handler);
    IoRing::Done done =
        Resume<decltype(handler)>(std::move(handler), self->RunsOn(executor));
    const auto assigning = [&](IoRing& core, IoRing::Done tell) {
      IoRing::Ticket ticket = start(core, std::move(tell));
      // Before anybody can be told, on whichever thread, which takes the ring's
      // mutex. The slot may outlive the operation, and its signal may go before
      // that: neither is touched again.
      if (slot.is_connected()) {
        asio::cancellation_slot(slot).assign(
            [ring = std::weak_ptr<State>(self),
             ticket](asio::cancellation_type /*type*/) {
              if (const auto alive = ring.lock()) alive->Cancel(ticket);
            });
      }
      return ticket;
    };
    if (self->Start(done, assigning) == nullptr) {
      asio::post(executor,
                 [done = std::move(done)]() mutable { done(-EBADFD); });
    }
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(int)>(
      std::move(initiate), asio::use_awaitable, std::move(state),
      std::move(begin));
}

absl::StatusOr<std::shared_ptr<Ring::State>> Ring::State::Open(
    const asio::any_io_executor& executor) {
  absl::StatusOr<IoRing::Owner> core = IoRing::Open();
  if (!core.ok()) return core.status();
  auto state = std::make_shared<State>(executor);
  Loop& loop = state->loop_.emplace(state->executor_);
  asio::error_code refused;
  loop.signalled.assign((*core)->descriptor(), refused);
  if (refused) return ErrnoStatus(refused.value(), "epoll_ctl");
  loop.service = &asio::use_service<Service>(
      asio::query(state->executor_, asio::execution::context));
  loop.service->Add(state.get());
  state->core_ = *std::move(core);
  return state;
}

bool Ring::State::Close(std::chrono::nanoseconds limit) {
  IoRing::Owner core;
  {
    const std::lock_guard lock(mutex_);
    if (core_ == nullptr) return true;
    core = std::move(core_);
    loop_->service->Remove(this);
    loop_->signalled.release();  // the core closes it
    loop_.reset();
  }
  return IoRing::Close(std::move(core), limit);
}

IoRing::Ticket Ring::State::Start(
    IoRing::Done& done,
    absl::FunctionRef<IoRing::Ticket(IoRing& core, IoRing::Done done)> start) {
  const std::lock_guard lock(mutex_);
  if (core_ == nullptr) return nullptr;
  IoRing::Ticket ticket = start(*core_, std::move(done));
  TurnSoon();
  return ticket;
}

bool Ring::State::InFlight(const IoRing::Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  return core_ != nullptr && !core_->ResultOf(ticket).has_value();
}

void Ring::State::Cancel(const IoRing::Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  if (core_ == nullptr) return;
  core_->Cancel(ticket);
  TurnSoon();
}

void Ring::State::Abandon(const IoRing::Ticket& ticket) {
  IoRing::Done untold;  // may own the caller
  const std::lock_guard lock(mutex_);
  if (core_ == nullptr) return;
  untold = core_->Abandon(ticket);
  if (core_->HasWork()) TurnSoon();
}

absl::Status Ring::State::StatusOf(int result) {
  const std::lock_guard lock(mutex_);
  if (core_ == nullptr) {
    return absl::FailedPreconditionError(
        "io_uring: the ring was closed, or its execution context destroyed");
  }
  const bool of_ring = result == -EEXIST || !core_->status().ok();
  return of_ring ? core_->StatusOf(result) : absl::OkStatus();
}

// Behind whatever is ready to run in this turn of the loop.
void Ring::State::TurnSoon() {
  if (std::exchange(loop_->turn_posted, true)) return;
  asio::post(executor_, [self = shared_from_this()] {
    {
      const std::lock_guard lock(self->mutex_);
      if (self->core_ == nullptr) return;
      self->loop_->turn_posted = false;
    }
    self->Turn();
  });
}

void Ring::State::Turn() {
  std::unique_lock lock(mutex_);
  if (core_ == nullptr) return;
  const bool short_of_memory = core_->Submit();
  // Also when one that is told throws.
  const absl::Cleanup prepare_next = [&] {
    if (!lock.owns_lock()) lock.lock();
    if (core_ != nullptr) PrepareNext(short_of_memory);
  };
  // Those that end meanwhile are told in another turn, behind others.
  for (size_t rest = core_->CountEnded(); rest > 0; --rest) {
    std::optional<IoRing::Ended> ended = core_->NextEnded();
    if (!ended.has_value()) return;
    lock.unlock();
    ended->done(ended->result);
    ended.reset();
    lock.lock();
    if (core_ == nullptr) return;
  }
}

void Ring::State::PrepareNext(bool short_of_memory) {
  if (core_->HasEnded() || (core_->HasWork() && !short_of_memory)) {
    return TurnSoon();
  }
  if (short_of_memory && core_->waiting() > 0 &&
      !std::exchange(loop_->retrying, true)) {
    loop_->retry.expires_after(kRetry);
    loop_->retry.async_wait([self = shared_from_this()](asio::error_code) {
      const std::lock_guard lock(self->mutex_);
      if (self->core_ == nullptr) return;
      self->loop_->retrying = false;
      self->TurnSoon();
    });
  }
  Listen();
}

// Has the executor wait for a signal while, and only while, somebody waits and
// no turn is about to look anyway.
void Ring::State::Listen() {
  Loop& loop = *loop_;
  if (core_->waiting() == 0) {
    if (loop.listening) loop.signalled.cancel();
    return;
  }
  if (loop.listening || loop.turn_posted) return;
  if (!core_->Arm()) return TurnSoon();
  loop.listening = true;
  loop.signalled.async_wait(
      asio::posix::descriptor_base::wait_read,
      [self = shared_from_this()](asio::error_code error) {
        self->Signalled(error);
      });
}

void Ring::State::Signalled(const asio::error_code& error) {
  {
    const std::lock_guard lock(mutex_);
    if (core_ == nullptr) return;
    loop_->listening = false;
    core_->Disarm();
    // Cancelled, but something may have been started since.
    if (error) return Listen();
  }
  Turn();
}

absl::StatusOr<std::unique_ptr<Ring>> Ring::Open(
    const asio::any_io_executor& executor) {
  return Caught("open a ring", [&]() -> absl::StatusOr<std::unique_ptr<Ring>> {
    absl::StatusOr<std::shared_ptr<State>> state = State::Open(executor);
    if (!state.ok()) return state.status();
    return std::unique_ptr<Ring>(new Ring(*std::move(state)));
  });
}

Ring::Ring(std::shared_ptr<State> state) : state_(std::move(state)) {}
Ring::~Ring() { state_->Close({}); }  // NOLINT(bugprone-exception-escape)

bool Ring::Close(std::chrono::nanoseconds limit) {
  return state_->Close(limit);
}

RingOperation Ring::StartRead(std::shared_ptr<const File> file,
                              const SharedBuffer& buffer, uint64_t offset,
                              int flags) {
  return StartRead(state_, std::move(file), buffer, offset, flags, nullptr);
}

RingOperation Ring::StartRead(const std::shared_ptr<State>& state,
                              std::shared_ptr<const File> file,
                              const SharedBuffer& buffer, uint64_t offset,
                              int flags, std::shared_ptr<IoRing::Lane> lane) {
  IoRing::Done nobody;
  return {state, state->Start(nobody, [&](IoRing& core, IoRing::Done done) {
            return core.StartRead(std::move(file), buffer, offset, flags,
                                  std::move(done), std::move(lane));
          })};
}

RingOperation Ring::StartAdvise(const std::shared_ptr<State>& state,
                                std::shared_ptr<const Mapping> mapping,
                                absl::Span<const uint8_t> bytes, int advice,
                                std::shared_ptr<IoRing::Lane> lane) {
  IoRing::Done nobody;
  return {state, state->Start(nobody, [&](IoRing& core, IoRing::Done done) {
            return core.StartAdvise(std::move(mapping), bytes, advice,
                                    std::move(done), std::move(lane));
          })};
}

asio::awaitable<absl::StatusOr<size_t>> Ring::Read(
    std::shared_ptr<const File> file, const SharedBuffer& buffer,
    uint64_t offset, int flags, std::optional<size_t> wanted) {
  return ReadAll(state_, RingOperation(), std::move(file), buffer, offset,
                 flags, wanted, nullptr);
}

asio::awaitable<absl::StatusOr<size_t>> Ring::Read(
    RingOperation started, std::shared_ptr<const File> file,
    const SharedBuffer& buffer, uint64_t offset, int flags,
    std::optional<size_t> wanted) {
  return ReadAll(state_, std::move(started), std::move(file), buffer, offset,
                 flags, wanted, nullptr);
}

asio::awaitable<absl::StatusOr<size_t>> Ring::ReadAll(
    std::shared_ptr<State> state, RingOperation started,
    std::shared_ptr<const File> file, SharedBuffer buffer, uint64_t offset,
    int flags, std::optional<size_t> wanted,
    std::shared_ptr<IoRing::Lane> lane) {
  size_t done = 0;
  for (int interruptions = 0;;) {
    int count = 0;
    if (started.started()) {
      count = co_await started.Wait();
    } else {
      count =
          co_await State::Await(state, [&](IoRing& core, IoRing::Done tell) {
            return core.StartRead(file, buffer.Part(done), offset + done, flags,
                                  std::move(tell), lane);
          });
    }
    if (count > 0) {
      interruptions = 0;
      done += static_cast<size_t>(count);
      if (done >= wanted.value_or(buffer.size())) co_return done;
    } else if (count == 0) {
      co_return done;
    } else if (!IsWorthRepeating(count, ++interruptions)) {
      absl::Status status = RingStatus(*state, count);
      if (!status.ok()) co_return status;
      co_return ErrnoStatus(
          -count, absl::StrCat("read at byte ", offset + done), file->path());
    }
  }
}

bool Ring::IsWorthRepeating(int result, int interruption) {
  return (result == -EINTR || result == -EAGAIN) && interruption < 100;
}

absl::Status Ring::RingStatus(State& state, int result) {
  return state.StatusOf(result);
}

RingOperation::RingOperation(std::shared_ptr<Ring::State> ring,
                             IoRing::Ticket ticket)
    : ring_(std::move(ring)), ticket_(std::move(ticket)) {}

RingOperation& RingOperation::operator=(RingOperation&& other) noexcept {
  std::swap(ring_, other.ring_);
  std::swap(ticket_, other.ticket_);
  return *this;
}

RingOperation::~RingOperation() {
  if (ticket_ != nullptr) ring_->Abandon(ticket_);
}

bool RingOperation::in_flight() const {
  return ticket_ != nullptr && ring_->InFlight(ticket_);
}

asio::awaitable<int> RingOperation::Wait() {
  const IoRing::Ticket ticket = ticket_;
  if (ticket == nullptr) co_return -EBADFD;
  const int result = co_await Ring::State::Await(
      ring_, [&ticket](IoRing& core, IoRing::Done tell) {
        core.Tell(ticket, std::move(tell));
        return IoRing::Ticket(ticket);
      });
  // It may be another by now.
  if (ticket_ == ticket) ticket_ = nullptr;
  co_return result;
}

void RingOperation::Cancel() {
  if (ticket_ != nullptr) ring_->Cancel(ticket_);
}

}  // namespace pagestall
