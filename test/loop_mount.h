#ifndef PAGESTALL_TEST_LOOP_MOUNT_H_
#define PAGESTALL_TEST_LOOP_MOUNT_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "test/run_program.h"
#include "test/temporary_directory.h"

namespace pagestall {

// A small ext4 on a loop device of its own, mounted: a disk whose settings a
// test may change. Gone at the end. Needs root.
class LoopMount {
 public:
  LoopMount() {
    if (geteuid() != 0) {
      reason_ = "mounting takes root";
      return;
    }
    const std::string image = files_.path("image");
    std::filesystem::create_directory(path());
    mounted_ = Run({"truncate", "-s", "64M", image}) &&
               Run({"mkfs.ext4", "-q", image}) &&
               Run({"mount", "-o", "loop", image, path()});
    if (!mounted_) reason_ = "no ext4 can be mounted on a loop device here";
  }
  ~LoopMount() { EXPECT_TRUE(!mounted_ || Run({"umount", path()})); }
  LoopMount(const LoopMount&) = delete;
  LoopMount& operator=(const LoopMount&) = delete;

  bool ok() const { return reason_.empty(); }
  const std::string& reason() const { return reason_; }
  std::string path() const { return files_.path("mounted"); }

  // As if the disk were pulled out: what the page cache does not hold cannot be
  // read any more.
  bool Vanish() const {
    // A write would bring back a disk of zeros.
    return Run({"mount", "-o", "remount,ro", path()}) &&
           Run({"truncate", "-s", "0", files_.path("image")});
  }

 private:
  static bool Run(const std::vector<std::string>& words) {
    return RunProgram(words).code == 0;
  }

  TemporaryDirectory files_;
  bool mounted_ = false;
  std::string reason_;
};

}  // namespace pagestall

#endif  // PAGESTALL_TEST_LOOP_MOUNT_H_
