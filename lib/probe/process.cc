#include "lib/probe/process.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace pagestall {
namespace {

// "self" is right in each namespace of processes, getpid(2) in one alone.
std::string Directory(pid_t id) {
  return id == 0 ? "/proc/self" : absl::StrCat("/proc/", id);
}

}  // namespace

pid_t Process::id() const { return id_ == 0 ? getpid() : id_; }

bool Process::is_this() const { return id_ == 0 || id_ == getpid(); }

std::string Process::Path(absl::string_view file) const {
  return absl::StrCat(is_this() ? "/proc/thread-self" : Directory(id_), "/",
                      file);
}

std::string Process::Path(pid_t thread, absl::string_view file) const {
  return absl::StrCat(tasks(), "/", thread, "/", file);
}

std::string Process::tasks() const {
  return absl::StrCat(Directory(is_this() ? 0 : id_), "/task");
}

std::vector<pid_t> Process::Threads() const {
  std::vector<pid_t> threads;
  std::error_code error;
  for (std::filesystem::directory_iterator task(tasks(), error), end;
       !error && task != end; task.increment(error)) {
    pid_t thread;
    if (absl::SimpleAtoi(task->path().filename().string(), &thread)) {
      threads.push_back(thread);
    }
  }
  return threads;
}

}  // namespace pagestall
