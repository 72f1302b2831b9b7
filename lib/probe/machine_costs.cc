#include "lib/probe/machine_costs.h"

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
constexpr int kCalls = 250;
constexpr size_t kBytes = size_t{512} << 10;
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

// Null where there is no memory.
volatile uint8_t* Map(int flags) {
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                            flags | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  madvise(memory, kBytes, MADV_NOHUGEPAGE);
  return static_cast<uint8_t*>(memory);
}

// Until it is touched again. What is shared keeps its pages (madvise(2)).
void Forget(volatile uint8_t* memory) {
  madvise(const_cast<uint8_t*>(memory), kBytes, MADV_DONTNEED);
}

void Unmap(volatile uint8_t* memory) {
  if (memory != nullptr) munmap(const_cast<uint8_t*>(memory), kBytes);
}

}  // namespace

absl::StatusOr<MachineCosts> MeasureMachineCosts() {
  const size_t page = sysconf(_SC_PAGESIZE);
  volatile uint8_t* const own = Map(MAP_PRIVATE);
  volatile uint8_t* const file =
      Map(MAP_SHARED);  // of the kernel's own (shmem)
  const absl::Cleanup unmap = [own, file] {
    Unmap(own);
    Unmap(file);
  };
  if (own == nullptr || file == nullptr) return ErrnoStatus(ENOMEM, "mmap");
  for (size_t at = 0; at < kBytes; at += page) file[at] = 1;
  std::array<nanoseconds, kBatches> call;
  std::array<nanoseconds, kBatches> anonymous;
  std::array<nanoseconds, kBatches> resident;
  std::array<nanoseconds, kBatches> touch;
  for (int batch = 0; batch < kBatches; ++batch) {
    // One that no sandbox forbids.
    call[batch] = Time(kCalls, [] {
      for (int i = 0; i < kCalls; ++i) syscall(SYS_close, -1);
    });
    Forget(own);
    anonymous[batch] = Time(kBytes / page, [&] {
      for (size_t at = 0; at < kBytes; at += page) own[at] = 1;
    });
    Forget(file);
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
  return MachineCosts{.system_call = Least(call),
                      .anonymous_fault = Least(anonymous),
                      .resident_fault = Least(resident),
                      .first_touch = Least(touch)};
}

}  // namespace pagestall
