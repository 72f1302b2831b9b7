#ifndef PAGESTALL_TEST_FIXED_DELAY_MOUNT_H_
#define PAGESTALL_TEST_FIXED_DELAY_MOUNT_H_

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "test/temporary_directory.h"

namespace pagestall {

// The mounted file system of fixed_delay_fs.cc, served by a process of its own:
// a fault in its server's process could never end. Unmounted at the end.
class FixedDelayMount {
 public:
  explicit FixedDelayMount(std::chrono::milliseconds delay) {
    std::string program = PAGESTALL_FIXED_DELAY_FS;
    if (program.empty()) {
      reason_ = "built without libfuse3";
      return;
    }
    std::string milliseconds = std::to_string(delay.count());
    std::string mountpoint = directory_.path();
    char* argv[] = {program.data(), milliseconds.data(), mountpoint.data(),
                    nullptr};
    if (posix_spawn(&server_, program.c_str(), nullptr, nullptr, argv,
                    environ) != 0) {
      reason_ = "cannot start " + program;
      server_ = 0;
      return;
    }
    for (int wait = 0; wait < 1000; ++wait) {
      if (access(file().c_str(), R_OK) == 0) return;
      if (waitpid(server_, nullptr, WNOHANG) == server_) {
        server_ = 0;
        reason_ = "FUSE cannot be mounted here";
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    reason_ = "FUSE did not mount within 10 s";
  }
  ~FixedDelayMount() {
    if (server_ == 0) return;
    kill(server_, SIGTERM);
    waitpid(server_, nullptr, 0);
  }
  FixedDelayMount(const FixedDelayMount&) = delete;
  FixedDelayMount& operator=(const FixedDelayMount&) = delete;

  bool ok() const { return reason_.empty(); }
  const std::string& reason() const { return reason_; }
  std::string file() const { return directory_.path("slow"); }
  std::string broken_file() const { return directory_.path("broken"); }

 private:
  TemporaryDirectory directory_;
  pid_t server_ = 0;
  std::string reason_;
};

}  // namespace pagestall

#endif  // PAGESTALL_TEST_FIXED_DELAY_MOUNT_H_
