// What a user of a service sees that shares its async executor with a scan.

#include <benchmark/benchmark.h>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bench/rows/scan_rows.h"
#include "fixtures/window/repetition.h"
#include "fixtures/window/tenant.h"
#include "lib/probe/stall_probe.h"

ABSL_FLAG(int64_t, rate, 1000, "requests per second");
ABSL_FLAG(int64_t, request_bytes, 64, "size of a request and of its response");
ABSL_FLAG(int64_t, alone_ms, 1000,
          "how long the service is watched without a scan");

namespace pagestall {
namespace {

// What a family of rows takes for its time.
struct Figure {
  const char* family;
  double quantile;
};

constexpr Figure kFigures[] = {
    {"tenant_p50", 0.5}, {"tenant_p99", 0.99}, {"tenant_max", 1}};

absl::Status ReportTenant(benchmark::State& state,
                          const absl::StatusOr<TenantReport>& report,
                          double quantile) {
  if (!report.ok()) return report.status();
  AddCounters(state, *report);
  return ReportTime(state, Quantile(report->latencies, quantile));
}

void RegisterRows(ScanRows& scans, Rows& rows) {
  FlagReader& flags = rows.flags();
  const int64_t rate = flags.Read(FLAGS_rate, 1, 1'000'000);
  const int64_t bytes = flags.Read(FLAGS_request_bytes, 1, int64_t{1} << 20);
  const int64_t alone_ms = flags.Read(FLAGS_alone_ms, 1, 3'600'000);
  const TenantOptions options{
      .requests_per_second = static_cast<uint64_t>(rate),
      .request_bytes = static_cast<size_t>(bytes)};
  const std::string tenant =
      absl::StrCat("/rate:", rate, "/request_bytes:", bytes);
  for (const Figure& figure : kFigures) {
    rows.Add(
        absl::StrCat(figure.family, "/exec:async/load:idle", tenant,
                     "/ms:", alone_ms),
        RowTime::kManual, [options, figure, alone_ms](benchmark::State& state) {
          absl::StatusOr<TenantReport> report;
          for (auto _ : state) {
            report =
                Tenant::Alone(options, std::chrono::milliseconds(alone_ms));
          }
          return ReportTenant(state, report, figure.quantile);
        });
    for (const ScanConfig& row : scans.EveryRow()) {
      if (!IsOfAService(row.executor)) continue;
      scans.Add(rows, figure.family, row, tenant, RowTime::kManual,
                [options, figure](auto& state, auto& fixture, auto& config) {
                  Tenant guest(options);
                  ScanConfig shared = config;
                  shared.scan.watchers.push_back(&guest);
                  const auto scan = RunScan(state, fixture, shared);
                  if (!scan.ok()) return scan.status();
                  return ReportTenant(state, guest.Take(), figure.quantile);
                });
    }
  }
}

}  // namespace
}  // namespace pagestall

int main(int argc, char** argv) {
  pagestall::ScanRows suite(
      "What does a user of a small service see while a scan runs on the same "
      "async\nexecutor? The time of a row is the latency of its requests (p50, "
      "p99, max),\nfrom their intended arrival.",
      pagestall::RegisterRows);
  return pagestall::RunSuite(argc, argv, suite);
}
