#include "lib/uring/ring.h"

#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error_code.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <cerrno>
#include <deque>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/exception_status.h"
#include "lib/file/file.h"

namespace pagestall {
namespace {

constexpr unsigned kEntries = 256;  // submissions that one turn can batch

absl::Status RingError(int error_number, absl::string_view call) {
  const char* advice = "";
  if (error_number == ENOSYS) {
    advice = "io_uring needs Linux 5.1";
  } else if (error_number == EPERM) {
    advice = "a sandbox or the sysctl kernel.io_uring_disabled forbids it";
  }
  return ErrnoStatus(error_number, call, "", advice);
}

}  // namespace

class Ring::State final : public std::enable_shared_from_this<State> {
 public:
  explicit State(const asio::any_io_executor& executor)
      : executor_(executor), signalled_(executor) {}
  ~State() { Close(); }  // NOLINT(bugprone-exception-escape)
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  absl::Status Open() {
    // Completions are work for this thread at its next call, not interrupts of
    // what it computes (Linux 6.1; io_uring_setup(2)).
    int error = io_uring_queue_init(kEntries, &ring_,
                                    IORING_SETUP_SINGLE_ISSUER |
                                        IORING_SETUP_DEFER_TASKRUN |
                                        IORING_SETUP_TASKRUN_FLAG);
    if (error == -EINVAL) error = io_uring_queue_init(kEntries, &ring_, 0);
    if (error != 0) return RingError(-error, "io_uring_setup");
    open_ = true;
    // Deferred work shows in an eventfd, but not to who polls the ring's own
    // descriptor.
    const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event < 0) return RingError(errno, "eventfd");
    asio::error_code refused;
    signalled_.assign(event, refused);
    if (refused) {
      close(event);
      return RingError(refused.value(), "epoll_ctl");
    }
    error = io_uring_register_eventfd(&ring_, event);
    if (error != 0) return RingError(-error, "io_uring_register_eventfd");
    io_uring_cq_eventfd_toggle(&ring_, false);
    return absl::OkStatus();
  }

  // Blocks until nothing is in flight.
  void Close() {
    if (!std::exchange(open_, false)) return;
    if (in_flight_ > 0) {
      io_uring_sqe* sqe = NextSqe();
      io_uring_prep_cancel(sqe, nullptr,
                           IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
      io_uring_sqe_set_data(sqe, nullptr);
      while (in_flight_ > 0) WaitForCompletions();
    }
    // Each may own the coroutine that awaits, which is unwound by the executor.
    ready_.clear();
    signalled_.close();
    io_uring_queue_exit(&ring_);
  }

  void Start(RingOperation& operation,
             absl::FunctionRef<void(io_uring_sqe*)> prepare) {
    io_uring_sqe* sqe = NextSqe();
    prepare(sqe);
    io_uring_sqe_set_data(sqe, &operation);
    operation.started_ = true;
    operation.in_flight_ = true;
    ++in_flight_;
    TurnSoon();
  }

  void Cancel(RingOperation& operation) {
    io_uring_sqe* sqe = NextSqe();
    io_uring_prep_cancel(sqe, &operation, 0);
    io_uring_sqe_set_data(sqe, nullptr);
    TurnSoon();
  }

  // Tells the waiter of an operation that has ended.
  void Deliver(RingOperation& operation) {
    MakeReady(operation);
    TurnSoon();
  }

  // Blocks until the operation has ended.
  void Abandon(RingOperation& operation) {
    Cancel(operation);
    while (operation.in_flight_) WaitForCompletions();
    if (!ready_.empty()) TurnSoon();
  }

 private:
  // A waiter whose operation has ended.
  struct Ready {
    absl::AnyInvocable<void(int)> waiter;
    int result;
  };

  io_uring_sqe* NextSqe() {
    while (true) {
      if (io_uring_sqe* sqe = io_uring_get_sqe(&ring_)) return sqe;
      Submit();
      Collect();
    }
  }

  // Behind whatever is ready to run in this turn of the loop.
  void TurnSoon() {
    if (std::exchange(turn_posted_, true)) return;
    asio::post(executor_, [self = shared_from_this()] {
      self->turn_posted_ = false;
      self->Turn();
    });
  }

  void Turn() {
    if (!open_) return ready_.clear();
    Submit();
    Collect();
    // Also when a waiter throws, or closes the ring.
    const absl::Cleanup prepare_next = [this] {
      if (!open_) return ready_.clear();
      // After an error (EAGAIN, EBUSY) some are left.
      if (io_uring_sq_ready(&ring_) > 0 || !ready_.empty()) TurnSoon();
      Listen();
    };
    for (size_t rest = ready_.size(); rest > 0 && !ready_.empty(); --rest) {
      Ready one = std::move(ready_.front());
      ready_.pop_front();
      std::move(one.waiter)(one.result);
    }
  }

  // Has the executor wait for a signal while, and only while, something is in
  // flight and no turn is about to look anyway.
  void Listen() {
    if (in_flight_ == 0) {
      if (listening_) signalled_.cancel();
      return;
    }
    if (listening_ || turn_posted_) return;
    io_uring_cq_eventfd_toggle(&ring_, true);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (HasNews()) {  // came before it could be signalled
      io_uring_cq_eventfd_toggle(&ring_, false);
      return TurnSoon();
    }
    listening_ = true;
    signalled_.async_wait(asio::posix::descriptor_base::wait_read,
                          [self = shared_from_this()](asio::error_code error) {
                            self->Signalled(error);
                          });
  }

  bool HasNews() const {
    constexpr unsigned kWork = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    return io_uring_cq_ready(&ring_) > 0 ||
           (IO_URING_READ_ONCE(*ring_.sq.kflags) & kWork) != 0;
  }

  void Signalled(const asio::error_code& error) {
    listening_ = false;
    if (!open_) return;
    io_uring_cq_eventfd_toggle(&ring_, false);
    // Cancelled, but something may have been started since.
    if (error) return Listen();
    uint64_t count;
    static_cast<void>(read(signalled_.native_handle(), &count, sizeof count));
    Turn();
  }

  void Submit() { io_uring_submit_and_get_events(&ring_); }

  void WaitForCompletions() {
    io_uring_submit_and_wait(&ring_, 1);
    Collect();
  }

  void Collect() {
    std::array<io_uring_cqe*, 64> completions;
    while (const unsigned count = io_uring_peek_batch_cqe(
               &ring_, completions.data(), completions.size())) {
      for (unsigned i = 0; i < count; ++i) End(*completions[i]);
      io_uring_cq_advance(&ring_, count);
    }
  }

  void End(const io_uring_cqe& completion) {
    auto* operation =
        static_cast<RingOperation*>(io_uring_cqe_get_data(&completion));
    if (operation == nullptr) return;  // of a cancellation
    operation->result_ = completion.res;
    operation->in_flight_ = false;
    --in_flight_;
    if (operation->waiter_) MakeReady(*operation);
  }

  // The operation may be gone, or started again, when its waiter is told.
  void MakeReady(RingOperation& operation) {
    operation.started_ = false;
    // Its signal may be gone before the operation is.
    std::exchange(operation.slot_, {}).clear();
    ready_.push_back({std::move(operation.waiter_), operation.result_});
  }

  asio::any_io_executor executor_;
  asio::posix::stream_descriptor signalled_;  // an eventfd
  io_uring ring_{};
  bool open_ = false;
  bool turn_posted_ = false;
  bool listening_ = false;
  unsigned in_flight_ = 0;  // operations started and not collected
  std::deque<Ready> ready_;
};

absl::StatusOr<std::unique_ptr<Ring>> Ring::Open(
    const asio::any_io_executor& executor) {
  return Caught("open a ring", [&]() -> absl::StatusOr<std::unique_ptr<Ring>> {
    auto state = std::make_shared<State>(executor);
    if (absl::Status status = state->Open(); !status.ok()) return status;
    return std::unique_ptr<Ring>(new Ring(std::move(state)));
  });
}

Ring::Ring(std::shared_ptr<State> state) : state_(std::move(state)) {}
Ring::~Ring() { state_->Close(); }  // NOLINT(bugprone-exception-escape)

RingOperation::RingOperation(Ring& ring) : ring_(ring.state_) {}

RingOperation::~RingOperation() {
  // Nobody is told. It may own the coroutine that awaits, which is unwound by
  // the executor.
  slot_.clear();
  waiter_ = nullptr;
  if (in_flight_) ring_->Abandon(*this);
}

void RingOperation::Start(absl::FunctionRef<void(io_uring_sqe*)> prepare) {
  ring_->Start(*this, prepare);
}

void RingOperation::StartRead(const File& file, absl::Span<uint8_t> buffer,
                              uint64_t offset, int flags) {
  Start([&](io_uring_sqe* sqe) {
    // The kernel takes no more at once (read(2)); the rest is a short read.
    constexpr size_t kMost = size_t{1} << 30;
    io_uring_prep_read(sqe, file.fd(), buffer.data(),
                       static_cast<unsigned>(std::min(buffer.size(), kMost)),
                       offset);
    sqe->rw_flags = flags;
  });
}

void RingOperation::StartAdvise(absl::Span<const uint8_t> bytes, int advice) {
  Start([&](io_uring_sqe* sqe) {
    io_uring_prep_madvise(sqe, const_cast<uint8_t*>(bytes.data()),
                          static_cast<off_t>(bytes.size()), advice);
  });
}

asio::awaitable<int> RingOperation::Wait() {
  auto start = [this](auto handler) {
    slot_ = asio::get_associated_cancellation_slot(handler);
    if (slot_.is_connected()) {
      slot_.assign([this](asio::cancellation_type /*type*/) { Cancel(); });
    }
    waiter_ = std::move(handler);
    if (!in_flight_) ring_->Deliver(*this);
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(int)>(
      start, asio::use_awaitable);
}

void RingOperation::Cancel() {
  if (in_flight_) ring_->Cancel(*this);
}

asio::awaitable<absl::StatusOr<size_t>> AwaitRead(
    RingOperation& operation, const File& file, absl::Span<uint8_t> buffer,
    uint64_t offset, int flags, std::optional<size_t> wanted) {
  size_t done = 0;
  while (true) {
    if (!operation.started()) {
      operation.StartRead(file, buffer.subspan(done), offset + done, flags);
    }
    const int count = co_await operation.Wait();
    if (count > 0) {
      done += static_cast<size_t>(count);
      if (done >= wanted.value_or(buffer.size())) co_return done;
    } else if (count == 0) {
      co_return done;
    } else if (count != -EINTR && count != -EAGAIN) {
      co_return ErrnoStatus(
          -count, absl::StrCat("read at byte ", offset + done), file.path());
    }
  }
}

}  // namespace pagestall
