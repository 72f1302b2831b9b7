#ifndef PAGESTALL_TEST_SLOW_MOUNT_H_
#define PAGESTALL_TEST_SLOW_MOUNT_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "test/run_program.h"
#include "test/temporary_directory.h"

namespace pagestall {

// Unmounts what a server has left behind.
inline void Unmount(const std::string& mountpoint) {
  const Ended ended = RunProgram({"fusermount3", "-u", "-q", "-z", mountpoint});
  EXPECT_EQ(ended.code, 0) << mountpoint << ": " << ended.output;
}

// A directory's files, served by slowfs with these flags on a directory of the
// mount's own, by a process of its own. Unmounted at the end.
class SlowMount {
 public:
  SlowMount(std::string directory, std::vector<std::string> flags) {
    std::string program = PAGESTALL_SLOWFS;
    if (program.empty()) {
      reason_ = "built without libfuse3";
      return;
    }
    std::string mountpoint = path();
    std::vector<char*> argv = {program.data()};
    for (std::string& flag : flags) argv.push_back(flag.data());
    argv.insert(argv.end(), {directory.data(), mountpoint.data(), nullptr});
    const dev_t device = Device();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                     O_WRONLY, 0);
    const int error = posix_spawn(&server_, program.c_str(), &actions, nullptr,
                                  argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      server_ = 0;
      Fail("cannot start " + program);
      return;
    }
    for (int wait = 0; wait < 3000; ++wait) {
      if (Device() != device) return;
      int status;
      if (waitpid(server_, &status, WNOHANG) == server_) {
        server_ = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == kNotAvailable) {
          reason_ = "FUSE cannot be mounted here";
        } else {
          Fail("slowfs has ended");
        }
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    Fail("slowfs did not mount within 30 s");
  }
  ~SlowMount() {
    if (server_ == 0) return;
    EXPECT_EQ(Stop(), 0);
  }
  SlowMount(const SlowMount&) = delete;
  SlowMount& operator=(const SlowMount&) = delete;

  // Whether it is mounted; if not, a test is to skip what needs it.
  bool ok() const { return reason_.empty(); }
  const std::string& reason() const { return reason_; }

  std::string path(const std::string& name = "") const {
    return mountpoint_.path(name);
  }
  dev_t Device() const {
    struct stat status {};
    stat(mountpoint_.path().c_str(), &status);
    return status.st_dev;
  }

  // Ends the server. Returns its exit code, or -1 if it has none.
  int Stop(int signal = SIGTERM) {
    if (server_ <= 0) return -1;  // kill(2) takes these for groups of processes
    int status;
    kill(server_, signal);
    waitpid(server_, &status, 0);
    server_ = 0;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code != 0) Unmount(path());
    return code;
  }

 private:
  static constexpr int kNotAvailable = 3;

  void Fail(const std::string& reason) {
    ADD_FAILURE() << reason;
    reason_ = reason;
  }

  TemporaryDirectory mountpoint_;
  pid_t server_ = 0;
  std::string reason_;
};

// Files of zeros, whose every page is a request that takes `delay`.
class SlowZeros {
 public:
  explicit SlowZeros(std::chrono::milliseconds delay,
                     const std::vector<std::string>& flags = {})
      : mount_(Write(directory_), Flags(delay, flags)) {}

  bool ok() const { return mount_.ok(); }
  const std::string& reason() const { return mount_.reason(); }

  // Of a page, and of 64 KiB.
  std::string page() const { return mount_.path("page"); }
  std::string large() const { return mount_.path("large"); }

 private:
  static std::string Write(const TemporaryDirectory& directory) {
    directory.Write("page", std::vector<uint8_t>(4096));
    directory.Write("large", std::vector<uint8_t>(65536));
    return directory.path();
  }
  static std::vector<std::string> Flags(std::chrono::milliseconds delay,
                                        std::vector<std::string> flags) {
    flags.push_back("--latency_ms=" + std::to_string(delay.count()));
    flags.emplace_back("--read_ahead_kib=0");
    return flags;
  }

  TemporaryDirectory directory_;
  SlowMount mount_;
};

}  // namespace pagestall

#endif  // PAGESTALL_TEST_SLOW_MOUNT_H_
