#include "lib/file/touch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"

namespace pagestall {
namespace {

// What this thread touches, for its own signal handler.
struct Touched {
  const uint8_t* volatile begin;
  const uint8_t* volatile end;
  const uint8_t* volatile fault;  // the first byte that could not be read
};
constinit thread_local Touched touched = {};

std::mutex users_mutex;
int users = 0;                   // of the handler
struct sigaction former = {};    // while there are users
uintptr_t page_bytes = 1 << 12;  // while there are users

// Puts zeros where the bytes are not from `at` on, so that what touches them
// comes to its end: nothing is thrown or jumped over (as Wayland's libwayland
// does for shared memory whose file a client has truncated). Calls nothing but
// system calls.
bool PutZeros(const uint8_t* at) {
  const uintptr_t page = reinterpret_cast<uintptr_t>(at) & ~(page_bytes - 1);
  const uintptr_t end = reinterpret_cast<uintptr_t>(touched.end);
  // Not mmap(), which the sanitizers make more than a system call.
  return syscall(SYS_mmap, page, end - page, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                 0) == static_cast<int64_t>(page);
}

void OnBusError(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int error_number = errno;
  const auto* at = static_cast<const uint8_t*>(info->si_addr);
  const bool is_fault = info->si_code > 0;  // else somebody has sent it
  if (is_fault && at >= touched.begin && at < touched.end && PutZeros(at)) {
    if (touched.fault == nullptr) touched.fault = at;
  } else {
    // A fault comes again, to whom it belongs.
    sigaction(SIGBUS, &former, nullptr);
    if (!is_fault) raise(SIGBUS);
  }
  errno = error_number;
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

BusErrorsCaught::BusErrorsCaught() {
  const std::lock_guard lock(users_mutex);
  if (users++ > 0) return;
  page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGBUS, &action, &former);
}

BusErrorsCaught::~BusErrorsCaught() {
  const std::lock_guard lock(users_mutex);
  if (--users == 0) sigaction(SIGBUS, &former, nullptr);
}

absl::Status Touch(absl::Span<const uint8_t> bytes, const std::string& path,
                   uint64_t offset, absl::FunctionRef<void()> touch) {
  touched.fault = nullptr;
  touched.begin = bytes.data();
  touched.end = bytes.data() + bytes.size();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  touch();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  touched.begin = nullptr;
  touched.end = nullptr;
  const uint8_t* const fault = touched.fault;
  if (fault == nullptr) return absl::OkStatus();
  return CauseOf(path, offset + static_cast<uint64_t>(fault - bytes.data()));
}

}  // namespace pagestall
