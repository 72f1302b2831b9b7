#include "lib/probe/machine_costs.h"

#include "test/status_matchers.h"

namespace pagestall {
namespace {

TEST(MachineCosts, OfWhatTakesMoreThanNothing) {
  const auto costs = MeasureMachineCosts();
  ASSERT_THAT(costs, IsOk());
  EXPECT_GT(costs->system_call.count(), 0);
  EXPECT_GT(costs->first_touch.count(), 0);
  // A fault is a switch to the kernel and back, and more.
  EXPECT_GT(costs->anonymous_fault, costs->first_touch);
  EXPECT_GT(costs->resident_fault, costs->first_touch);
}

}  // namespace
}  // namespace pagestall
