#include "lib/probe/machine_costs.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "absl/cleanup/cleanup.h"
#include "absl/functional/function_ref.h"
#include "lib/file/errno_status.h"

namespace pagestall {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr int kBatches = 10;
constexpr int kCalls = 1000;
constexpr size_t kBytes = size_t{2} << 20;
constexpr size_t kAround = size_t{64} << 10;  // fault_around_bytes

// Of each of so many that a batch takes.
nanoseconds Time(size_t count, absl::FunctionRef<void()> batch) {
  const auto begin = steady_clock::now();
  batch();
  return (steady_clock::now() - begin) / count;
}

nanoseconds Least(const std::array<nanoseconds, kBatches>& times) {
  return *std::min_element(times.begin(), times.end());
}

volatile uint8_t* Map(int protection, int flags, int fd) {
  void* const memory = mmap(nullptr, kBytes, protection, flags, fd, 0);
  if (memory == MAP_FAILED) return nullptr;
  madvise(memory, kBytes, MADV_NOHUGEPAGE);
  return static_cast<uint8_t*>(memory);
}

void Unmap(volatile uint8_t* memory) {
  munmap(const_cast<uint8_t*>(memory), kBytes);
}

}  // namespace

absl::StatusOr<MachineCosts> MeasureMachineCosts() {
  const size_t page = sysconf(_SC_PAGESIZE);
  const int fd = memfd_create("pagestall", MFD_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "memfd_create");
  const absl::Cleanup close_file = [fd] { close(fd); };
  if (posix_fallocate(fd, 0, kBytes) != 0) {
    return ErrnoStatus(ENOMEM, "measure the costs of faults");
  }
  std::array<nanoseconds, kBatches> call;
  std::array<nanoseconds, kBatches> anonymous;
  std::array<nanoseconds, kBatches> resident;
  std::array<nanoseconds, kBatches> touch;
  for (int batch = 0; batch < kBatches; ++batch) {
    call[batch] = Time(kCalls, [] {
      for (int i = 0; i < kCalls; ++i) syscall(SYS_getppid);
    });
    volatile uint8_t* const own =
        Map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    volatile uint8_t* const file = Map(PROT_READ, MAP_SHARED, fd);
    if (own != nullptr && file != nullptr) {
      anonymous[batch] = Time(kBytes / page, [&] {
        for (size_t at = 0; at < kBytes; at += page) own[at] = 1;
      });
      uint8_t sum = 0;
      resident[batch] = Time(kBytes / kAround, [&] {
        for (size_t at = 0; at < kBytes; at += kAround) sum += file[at];
      });
      touch[batch] = Time(kBytes / page - kBytes / kAround, [&] {
        for (size_t at = 0; at < kBytes; at += page) {
          if (at % kAround != 0) sum += file[at];
        }
      });
      static_cast<void>(sum);
    }
    if (own != nullptr) Unmap(own);
    if (file != nullptr) Unmap(file);
    if (own == nullptr || file == nullptr) return ErrnoStatus(ENOMEM, "mmap");
  }
  return MachineCosts{.system_call = Least(call),
                      .anonymous_fault = Least(anonymous),
                      .resident_fault = Least(resident),
                      .first_touch = Least(touch)};
}

}  // namespace pagestall
