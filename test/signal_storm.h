#ifndef PAGESTALL_TEST_SIGNAL_STORM_H_
#define PAGESTALL_TEST_SIGNAL_STORM_H_

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

namespace pagestall {

// While one lives, every other thread of the process gets a signal each 200 us,
// whose handler does nothing but have system calls fail with EINTR. The handler
// stays: a signal may still be on its way to a thread. One at a time.
class SignalStorm {
 public:
  SignalStorm() {
    handled_ = 0;
    struct sigaction action {};
    action.sa_handler = [](int /*signal*/) { ++handled_; };
    sigaction(SIGUSR2, &action, nullptr);
    thread_ = std::jthread(Rage);
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;

  static int handled() { return handled_; }

 private:
  static void Rage(const std::stop_token& stop) {
    const pid_t self = gettid();
    while (!stop.stop_requested()) {
      std::error_code ended;
      for (std::filesystem::directory_iterator task("/proc/self/task", ended),
           end;
           !ended && task != end; task.increment(ended)) {
        const std::string name = task->path().filename().string();
        pid_t thread = 0;
        std::from_chars(name.data(), name.data() + name.size(), thread);
        if (thread != self) syscall(SYS_tgkill, getpid(), thread, SIGUSR2);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  static inline std::atomic<int> handled_ = 0;
  std::jthread thread_;
};

}  // namespace pagestall

#endif  // PAGESTALL_TEST_SIGNAL_STORM_H_
