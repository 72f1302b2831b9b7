#ifndef PAGESTALL_TEST_RUN_PROGRAM_H_
#define PAGESTALL_TEST_RUN_PROGRAM_H_

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace pagestall {

struct Ended {
  std::string output;  // on both streams
  int code;            // -1 where it has none
};

// Runs a program, looked for in PATH, to its end. No shell reads the words.
inline Ended RunProgram(std::vector<std::string> words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {"no pipe", -1};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  Ended ended{error == 0 ? "" : "cannot start " + words[0], -1};
  std::array<char, 4096> part;
  for (ssize_t size; (size = read(ends[0], part.data(), part.size())) > 0;) {
    ended.output.append(part.data(), static_cast<size_t>(size));
  }
  close(ends[0]);
  int status;
  if (error == 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status)) {
    ended.code = WEXITSTATUS(status);
  }
  return ended;
}

}  // namespace pagestall

#endif  // PAGESTALL_TEST_RUN_PROGRAM_H_
