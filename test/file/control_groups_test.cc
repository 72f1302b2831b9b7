// Of made-up processes.

#include "lib/file/control_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "lib/file/mounts.h"
#include "test/child.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kMounts[] =
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "31 22 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup "
    "rw,cpu,cpuacct\n"
    "34 22 0:31 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup "
    "rw,memory\n"
    "40 22 0:37 / /run/cgroup2 rw - cgroup2 cgroup2 rw\n";

std::vector<std::string> Groups(const std::string& controller,
                                const std::string& groups,
                                const std::string& mounts = kMounts) {
  const TemporaryDirectory process;
  std::ofstream(process.path() + "/cgroup") << groups;
  std::ofstream(process.path() + "/mountinfo") << mounts;
  std::vector<std::string> directories;
  for (const ControlGroup& one : ControlGroups(controller, process.path())) {
    directories.push_back((one.unified ? "2:" : "1:") + one.directory);
  }
  return directories;
}

TEST(ControlGroups, AreThoseOfTheControllerWhereverTheyAreMounted) {
  EXPECT_THAT(Groups("cpu", "4:cpuacct,cpu:/a/b\n5:memory:/x\n"),
              ElementsAre("1:/sys/fs/cgroup/cpu,cpuacct/a/b",
                          "1:/sys/fs/cgroup/cpu,cpuacct/a",
                          "1:/sys/fs/cgroup/cpu,cpuacct"));
  EXPECT_THAT(Groups("pids", "6:pids:/a\n"), IsEmpty());
}

TEST(ControlGroups, OfVersion2AreAnyControllers) {
  EXPECT_THAT(Groups("memory", "0::/a:b\n"),
              ElementsAre("2:/run/cgroup2/a:b", "2:/run/cgroup2"));
  EXPECT_THAT(Groups("memory", "0::/\n"), ElementsAre("2:/run/cgroup2"));
}

TEST(ControlGroups, OfAContainerBeginWithItsOwn) {
  EXPECT_THAT(Groups("memory", "5:memory:/docker/1f\n"),
              ElementsAre("1:/sys/fs/cgroup/memory"));
  EXPECT_THAT(
      Groups("memory", "5:memory:/docker/1f/job\n"),
      ElementsAre("1:/sys/fs/cgroup/memory/job", "1:/sys/fs/cgroup/memory"));
  EXPECT_THAT(Groups("memory", "0::/../other\n"), IsEmpty());
}

TEST(ControlGroups, LastMountHidesOthers) {
  const std::string bound =
      "50 34 0:37 /a/b /run/cgroup2 rw - cgroup2 cgroup2 rw\n";
  EXPECT_THAT(Groups("memory", "0::/a/b\n", kMounts + bound),
              ElementsAre("2:/run/cgroup2"));
}

TEST(ControlGroups, PartThatIsMountedElsewhereIsNotTaken) {
  const std::string bound =
      "50 34 0:37 /foo /mnt/one rw - cgroup2 cgroup2 rw\n"
      "51 34 0:37 /a /mnt/two rw - cgroup2 cgroup2 rw\n";
  EXPECT_THAT(Groups("memory", "0::/ab/c\n", kMounts + bound),
              ElementsAre("2:/run/cgroup2/ab/c", "2:/run/cgroup2/ab",
                          "2:/run/cgroup2"));
  EXPECT_THAT(
      Groups("memory", "0::/ab\n", "1 1 0:1 /a /x\\040y rw - cgroup2 c rw\n"),
      IsEmpty());
  EXPECT_THAT(
      Groups("memory", "0::/a\n", "1 1 0:1 /a /x\\040y rw - cgroup2 c rw\n"),
      ElementsAre("2:/x y"));
}

TEST(ControlGroups, MountsAreKnownWhenTheFirstThreadHasEnded) {
  ASSERT_THAT(ReadMounts(), testing::Not(IsEmpty()));
  ExpectWithoutFirstThread(
      [] {},
      [] { return ReadMounts("/proc/self").empty() && !ReadMounts().empty(); });
}

TEST(ControlGroups, UnreadableIsNone) {
  EXPECT_THAT(ControlGroups("cpu", "/no/such"), IsEmpty());
  EXPECT_THAT(Groups("cpu", "cpu\n:\n4:cpu\n", "rubbish\n- -\n"), IsEmpty());
}

}  // namespace
}  // namespace pagestall
