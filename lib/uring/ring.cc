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
#include "lib/file/errno_status.h"
#include "lib/file/exception_status.h"
#include "lib/file/file.h"
#include "lib/file/shared_buffer.h"
#include "lib/uring/io_read.h"

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
  // Once. What has failed to open is closed.
  absl::Status Open(const asio::any_io_executor& executor);

  // Coroutines that wait are unwound by their executors.
  bool Close(std::chrono::nanoseconds limit);

  // What `call` does with the core, null once it was closed. Hands on what it
  // has started.
  IoRing::Ticket With(absl::FunctionRef<IoRing::Ticket(IoRing* core)> call);
  // The next operation of a task that is to be waited for.
  IoRing::Ticket Next(IoTask& task, std::optional<int> result);

  // In a child process that has called notify_fork(), tells those that wait.
  void TellChild() {
    forks_ = IoRing::CountForks();
    if (const auto lock = LockOpen()) TurnSoon();
  }

  bool InFlight(const IoRing::Ticket& ticket);
  // Of what has ended; nothing of a ring that was closed.
  std::optional<int> ResultOf(const IoRing::Ticket& ticket);
  void Cancel(const IoRing::Ticket& ticket);
  void Abandon(const IoRing::Ticket& ticket);

  // An await of the operation. The handler is told on its own executor.
  static asio::awaitable<int> Await(std::shared_ptr<State> state,
                                    IoRing::Ticket ticket);

 private:
  class Service;

  // What of Asio's the ring has.
  struct Loop {
    explicit Loop(const asio::any_io_executor& on)
        : executor(
              asio::prefer(on, asio::execution::outstanding_work.untracked)),
          signalled(executor),
          retry(executor) {}

    const asio::any_io_executor executor;
    asio::posix::stream_descriptor signalled;  // the core's, released
    asio::steady_timer retry;
    Service* service = nullptr;  // that closes the ring with its context
    bool turn_posted = false;
    bool listening = false;
    bool retrying = false;
  };

  template <typename Handler>
  class Resume;

  // The ring is open while that owns the lock.
  std::unique_lock<std::mutex> LockOpen() {
    std::unique_lock lock(mutex_, std::defer_lock);
    if (IsLeftAlone()) return lock;
    lock.lock();
    if (core_ == nullptr) lock.unlock();
    return lock;
  }
  // In a child process before it has called notify_fork(). Until then what the
  // context watches, it watches for its parent too (epoll(7)), and other
  // threads may have had locks of it, or of this, at the fork.
  bool IsLeftAlone() const { return forks_ != IoRing::CountForks(); }
  template <typename Handler>
  void Tell(Handler handler, const IoRing::Ticket& ticket);
  void TurnSoon();
  void Turn();
  void PrepareNext(bool short_of_memory);
  void Listen();
  void Signalled(const asio::error_code& error);

  uint32_t forks_ = IoRing::CountForks();
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
    while (const std::shared_ptr<State> state = TakeAny()) state->Close({});
  }

  void notify_fork(asio::execution_context::fork_event event) override {
    if (event != asio::execution_context::fork_child) return;
    for (State* state : states_) state->TellChild();
  }

  std::shared_ptr<State> TakeAny() {
    const std::lock_guard lock(mutex_);
    if (states_.empty()) return nullptr;
    return states_.extract(states_.begin()).value()->shared_from_this();
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

asio::awaitable<int> Ring::State::Await(std::shared_ptr<State> state,
                                        IoRing::Ticket ticket) {
  auto initiate = [](auto handler, const std::shared_ptr<State>& self,
                     const IoRing::Ticket& operation) {
    self->Tell(std::move(handler), operation);
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(int)>(
      std::move(initiate), asio::use_awaitable, std::move(state),
      std::move(ticket));
}

template <typename Handler>
void Ring::State::Tell(Handler handler, const IoRing::Ticket& ticket) {
  const asio::any_io_executor executor = asio::get_associated_executor(handler);
  const auto slot = asio::get_associated_cancellation_slot(handler);
  const auto lock = LockOpen();
  IoRing::Done done =
      Resume<Handler>(std::move(handler), lock && executor == loop_->executor);
  if (!lock || !core_->Tell(ticket, done)) {
    const int result = lock ? -EBUSY : -EBADFD;
    asio::post(executor,
               [done = std::move(done), result]() mutable { done(result); });
    return;
  }
  // Before anybody can be told, on whichever thread, which takes the mutex. The
  // slot may outlive the operation, and its signal may go before that: neither
  // is touched again.
  if (slot.is_connected()) {
    asio::cancellation_slot(slot).assign(
        [ring = weak_from_this(), ticket](asio::cancellation_type /*type*/) {
          if (const auto alive = ring.lock()) alive->Cancel(ticket);
        });
  }
  TurnSoon();
}

absl::Status Ring::State::Open(const asio::any_io_executor& executor) {
  absl::StatusOr<IoRing::Owner> core = IoRing::Open();
  if (!core.ok()) return core.status();
  Loop& loop = loop_.emplace(executor);
  asio::error_code refused;
  loop.signalled.assign((*core)->descriptor(), refused);
  if (refused) return ErrnoStatus(refused.value(), "epoll_ctl");
  (*core)->ReleaseDescriptor();
  loop.service = &asio::use_service<Service>(
      asio::query(executor, asio::execution::context));
  loop.service->Add(this);
  core_ = *std::move(core);  // nothing fails from here on
  return absl::OkStatus();
}

bool Ring::State::Close(std::chrono::nanoseconds limit) {
  if (IsLeftAlone()) {
    new std::shared_ptr<State>(shared_from_this());  // to the process's end
    return true;
  }
  IoRing::Owner core;
  {
    const auto lock = LockOpen();
    if (!lock) return true;
    core = std::move(core_);
    loop_->service->Remove(this);
    loop_.reset();
  }
  return IoRing::Close(std::move(core), limit);
}

IoRing::Ticket Ring::State::With(
    absl::FunctionRef<IoRing::Ticket(IoRing* core)> call) {
  const auto lock = LockOpen();
  IoRing::Ticket ticket = call(lock ? core_.get() : nullptr);
  if (lock && (core_->HasWork() || core_->HasEnded())) TurnSoon();
  return ticket;
}

IoRing::Ticket Ring::State::Next(IoTask& task, std::optional<int> result) {
  return With([&](IoRing* core) {
    IoRing::Ticket next = result ? task.GoOn(core, *result) : task.Begin(core);
    // What is read ahead may have ended before it is asked for.
    while (core != nullptr && next != nullptr && core->ResultOf(next)) {
      next = task.GoOn(core, *core->ResultOf(next));
    }
    return next;
  });
}

bool Ring::State::InFlight(const IoRing::Ticket& ticket) {
  const auto lock = LockOpen();
  return lock && !core_->ResultOf(ticket).has_value();
}

std::optional<int> Ring::State::ResultOf(const IoRing::Ticket& ticket) {
  const auto lock = LockOpen();
  if (!lock) return std::nullopt;
  return core_->ResultOf(ticket);
}

void Ring::State::Cancel(const IoRing::Ticket& ticket) {
  const auto lock = LockOpen();
  if (!lock) return;
  core_->Cancel(ticket);
  TurnSoon();
}

void Ring::State::Abandon(const IoRing::Ticket& ticket) {
  IoRing::Done untold;  // may own the caller
  const auto lock = LockOpen();
  if (!lock) return;
  untold = core_->Abandon(ticket);
  if (core_->HasWork()) TurnSoon();
}

// Behind whatever is ready to run in this turn of the loop.
void Ring::State::TurnSoon() {
  if (loop_->turn_posted) return;
  asio::post(loop_->executor, [self = shared_from_this()] {
    {
      const auto lock = self->LockOpen();
      if (!lock) return;
      self->loop_->turn_posted = false;
    }
    self->Turn();
  });
  loop_->turn_posted = true;
}

void Ring::State::Turn() {
  std::unique_lock lock = LockOpen();
  if (!lock) return;
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
  if (short_of_memory && core_->HasWork() &&
      !std::exchange(loop_->retrying, true)) {
    loop_->retry.expires_after(kRetry);
    loop_->retry.async_wait([self = shared_from_this()](asio::error_code) {
      const auto lock = self->LockOpen();
      if (!lock) return;
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
    const auto lock = LockOpen();
    if (!lock) return;
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
    std::unique_ptr<Ring> ring(new Ring(std::make_shared<State>()));
    absl::Status status = ring->state_->Open(executor);
    if (!status.ok()) return status;
    return ring;
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
  IoRead read(std::move(file), buffer, offset, {.flags = flags});
  return {state_, state_->With([&](IoRing* core) {
            return core == nullptr ? nullptr : read.Begin(core);
          })};
}

asio::awaitable<absl::StatusOr<size_t>> Ring::Read(
    std::shared_ptr<const File> file, const SharedBuffer& buffer,
    uint64_t offset, int flags, std::optional<size_t> wanted) {
  return Read(RingOperation(), std::move(file), buffer, offset, flags, wanted);
}

asio::awaitable<absl::StatusOr<size_t>> Ring::Read(
    RingOperation started, std::shared_ptr<const File> file,
    const SharedBuffer& buffer, uint64_t offset, int flags,
    std::optional<size_t> wanted) {
  return ReadAll(state_, std::move(started),
                 IoRead(std::move(file), buffer, offset,
                        {.flags = flags, .wanted = wanted.value_or(SIZE_MAX)}));
}

asio::awaitable<absl::StatusOr<size_t>> Ring::ReadAll(
    std::shared_ptr<State> state, RingOperation started, IoRead read) {
  co_await Run(std::move(state), read, std::move(started));
  co_return read.read();
}

IoRing::Ticket Ring::With(
    const std::shared_ptr<State>& state,
    absl::FunctionRef<IoRing::Ticket(IoRing* core)> call) {
  return state->With(call);
}

asio::awaitable<void> Ring::Run(std::shared_ptr<State> state, IoTask& task,
                                RingOperation started) {
  RingOperation next = std::move(started);
  if (!next.started()) next = {state, state->Next(task, std::nullopt)};
  while (next.started()) {
    const int result = co_await std::move(next).Wait();
    next = {state, state->Next(task, result)};
  }
}

asio::awaitable<void> Ring::RunAll(std::shared_ptr<State> state,
                                   std::vector<IoTask*> tasks) {
  std::vector<RingOperation> next(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    next[i] = {state, state->Next(*tasks[i], std::nullopt)};
  }
  for (size_t i = 0; i < tasks.size();) {
    if (!next[i].started()) {
      ++i;
      continue;
    }
    const int result = co_await std::move(next[i]).Wait();
    next[i] = {state, state->Next(*tasks[i], result)};
    // Others have ended meanwhile, and may have more to do.
    for (size_t j = i + 1; j < tasks.size(); ++j) {
      if (!next[j].started()) continue;
      if (const auto ended = state->ResultOf(next[j].ticket_)) {
        next[j] = {state, state->Next(*tasks[j], *ended)};
      }
    }
  }
}

RingOperation::RingOperation(std::shared_ptr<Ring::State> ring,
                             IoRing::Ticket ticket)
    : ring_(std::move(ring)), ticket_(std::move(ticket)) {}

RingOperation& RingOperation::operator=(RingOperation&& other) noexcept {
  const RingOperation former = std::move(*this);
  ring_ = std::move(other.ring_);
  ticket_ = std::move(other.ticket_);
  return *this;
}

RingOperation::~RingOperation() {
  if (ticket_ != nullptr) ring_->Abandon(ticket_);
}

bool RingOperation::in_flight() const {
  return ticket_ != nullptr && ring_->InFlight(ticket_);
}

asio::awaitable<int> RingOperation::Wait() && {
  return WaitFor(std::move(*this));
}

asio::awaitable<int> RingOperation::WaitFor(RingOperation operation) {
  if (!operation.started()) co_return -EBADFD;
  co_return co_await Ring::State::Await(operation.ring_, operation.ticket_);
}

void RingOperation::Cancel() {
  if (ticket_ != nullptr) ring_->Cancel(ticket_);
}

}  // namespace pagestall
