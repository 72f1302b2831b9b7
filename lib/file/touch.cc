#include "lib/file/touch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "lib/file/bus_error_handler.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"
#include "lib/file/lost_bytes.h"

namespace pagestall {
namespace {

// Bytes that this thread touches.
struct Touched {
  uintptr_t begin;
  uintptr_t end;
  const Touched* outer;
};

// The innermost, for this thread's own signal handler. A handler may not
// allocate, which the first use of a thread-local variable may do in a shared
// object, unless it has this model (in the static TLS block, a part of each
// thread).
constinit thread_local const Touched* volatile touched
    [[gnu::tls_model("initial-exec")]] = nullptr;

class Announced {
 public:
  explicit Announced(absl::Span<const uint8_t> bytes) {
    here_.begin = reinterpret_cast<uintptr_t>(bytes.data());
    here_.end = here_.begin + bytes.size();
    here_.outer = touched;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    touched = &here_;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~Announced() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    touched = here_.outer;
  }
  Announced(const Announced&) = delete;
  Announced& operator=(const Announced&) = delete;

 private:
  Touched here_;
};

// Puts zeros where the bytes are not, from the page of `at` on, so that what
// touches them comes to its end: nothing is thrown or jumped over (as Wayland's
// libwayland does for shared memory whose file a client has truncated). Calls
// nothing but system calls.
bool PutZeros(uintptr_t at, uintptr_t end) {
  const uintptr_t in_page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)) - 1;
  at &= ~in_page;
  end = (end + in_page) & ~in_page;
  // Not mmap(), which the sanitizers make more than a system call.
  return AddLostBytes(at, end) &&
         syscall(SYS_mmap, at, end - at, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                 0) == static_cast<int64_t>(at);
}

bool IsTouched(const siginfo_t& info) {
  const auto at = reinterpret_cast<uintptr_t>(info.si_addr);
  for (const Touched* bytes = touched; bytes != nullptr; bytes = bytes->outer) {
    if (at >= bytes->begin && at < bytes->end) return PutZeros(at, bytes->end);
  }
  return false;
}

absl::Status CauseOf(const std::string& path, uint64_t byte) {
  const auto because = [&](absl::string_view cause) {
    return absl::DataLossError(absl::StrCat("touch byte ", byte, " of ",
                                            QuotedPath(path), ": ", cause));
  };
  const absl::StatusOr<File> file = File::Open(path, O_RDONLY);
  if (!file.ok()) return because(file.status().message());
  const absl::StatusOr<uint64_t> size = file->Size();
  if (!size.ok()) return because(size.status().message());
  if (*size <= byte) {
    return because(absl::StrCat("the file was truncated to ", *size, " bytes"));
  }
  uint8_t one;
  const absl::StatusOr<size_t> read = file->Read(absl::MakeSpan(&one, 1), byte);
  if (!read.ok()) return because(read.status().message());
  return because("bus error, though the byte can be read now");
}

}  // namespace

BusErrorsCaught::BusErrorsCaught() { InstallBusErrorHandler(IsTouched); }

BusErrorsCaught::~BusErrorsCaught() { RemoveBusErrorHandler(); }

absl::Status Touch(absl::Span<const uint8_t> bytes, const std::string& path,
                   uint64_t offset, absl::FunctionRef<void()> touch) {
  {
    const Announced announced(bytes);
    touch();
  }
  const uint8_t* const first = FirstLostByte(bytes);
  if (first == nullptr) return absl::OkStatus();
  return CauseOf(path, offset + static_cast<uint64_t>(first - bytes.data()));
}

}  // namespace pagestall
