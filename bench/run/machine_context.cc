#include "bench/run/machine_context.h"

#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <asio/version.hpp>
#include <optional>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/run/build_info.h"
#include "lib/file/memory_limits.h"
#include "lib/probe/cpu_limit.h"
#include "lib/probe/machine_costs.h"
#include "lib/probe/proc_line.h"

namespace pagestall {
namespace {

constexpr char kUnknown[] = "unknown";

std::string Kernel() {
  utsname name{};
  if (uname(&name) != 0) return kUnknown;
  return absl::StrCat(name.sysname, " ", name.release, " ", name.machine);
}

std::string CpuModel() {
  const std::string line = ProcLine("/proc/cpuinfo", "model name").value_or("");
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(line, absl::MaxSplits(':', 1));
  const absl::string_view model = absl::StripAsciiWhitespace(halves.second);
  return model.empty() ? kUnknown : std::string(model);
}

// The signature that a hypervisor shows its guests: CPUID leaf 1 says that
// there is one, leaf 0x40000000 its name, as "KVMKVMKVM".
std::string Hypervisor() {
#if defined(__x86_64__)
  constexpr unsigned kHypervisorBit = 1u << 31;
  constexpr unsigned kSignatureLeaf = 0x40000000;
  unsigned words[4] = {};
  if (__get_cpuid(1, &words[0], &words[1], &words[2], &words[3]) == 0 ||
      (words[2] & kHypervisorBit) == 0) {
    return "none";
  }
  __cpuid(kSignatureLeaf, words[0], words[1], words[2], words[3]);
  const absl::string_view signature(reinterpret_cast<const char*>(&words[1]),
                                    3 * sizeof(unsigned));
  // Shorter ones end in zeros.
  return std::string(signature.substr(0, signature.find('\0')));
#else
  return kUnknown;
#endif
}

// 0 where there are more than can be asked for so.
int CpusAllowed() {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof(allowed), &allowed) == 0
             ? CPU_COUNT(&allowed)
             : 0;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DescribeMachine() {
  const int64_t page_bytes = sysconf(_SC_PAGESIZE);
  const uint64_t memory_bytes = MachineMemoryBytes();
  std::vector<std::pair<std::string, std::string>> context = {
      {"kernel", Kernel()},
      {"cpu_model", CpuModel()},
      {"cpus_online", absl::StrCat(sysconf(_SC_NPROCESSORS_ONLN))},
      {"memory_mib",
       memory_bytes > 0 ? absl::StrCat(memory_bytes >> 20) : kUnknown},
      {"hypervisor", Hypervisor()},
      {"page_bytes", absl::StrCat(page_bytes)},
      // "always [madvise] never" and the like, with what is chosen in brackets
      {"transparent_huge_pages",
       FirstLine("/sys/kernel/mm/transparent_hugepage/enabled", kUnknown)},
      // Of the multi-generational LRU, which decides what is evicted (the
      // kernel's multigen_lru.rst): bits, or not there.
      {"lru_gen", FirstLine("/sys/kernel/mm/lru_gen/enabled", "none")},
      {"compiler", PAGESTALL_COMPILER},
      {"compiler_flags", PAGESTALL_COMPILER_FLAGS},
      {"build_type", PAGESTALL_BUILD_TYPE},
      {"commit", PAGESTALL_COMMIT},
      {"google_benchmark_version", PAGESTALL_BENCHMARK_VERSION},
      {"abseil_version", PAGESTALL_ABSEIL_VERSION},
      {"asio_version",
       absl::StrCat(ASIO_VERSION / 100000, ".", ASIO_VERSION / 100 % 1000, ".",
                    ASIO_VERSION % 100)},
      {"libc_version", gnu_get_libc_version()},
  };
  if (const uint64_t limit = MemoryLimitBytes(); limit < memory_bytes) {
    context.emplace_back("memory_limit_mib", absl::StrCat(limit >> 20));
  }
  if (const int allowed = CpusAllowed();
      allowed > 0 && allowed < sysconf(_SC_NPROCESSORS_ONLN)) {
    context.emplace_back("cpus_allowed", absl::StrCat(allowed));
  }
  if (const std::optional<double> limit = CpuLimit()) {
    context.emplace_back("cpu_limit", absl::StrCat(*limit));
  }
  const absl::StatusOr<MachineCosts> costs = MeasureMachineCosts();
  if (costs.ok()) {
    for (const auto& [name, time] :
         {std::pair("cost_system_call_ns", costs->system_call),
          {"cost_anonymous_fault_ns", costs->anonymous_fault},
          {"cost_resident_fault_ns", costs->resident_fault},
          {"cost_first_touch_ns", costs->first_touch}}) {
      context.emplace_back(name, absl::StrCat(time.count()));
    }
  }
  return context;
}

}  // namespace pagestall
