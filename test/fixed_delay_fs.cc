// A file system with files of zeros, each read of which takes a fixed time:
// "slow", of a page, and "broken", of 64 KiB, whose second half is not to be
// read (EIO). fixed_delay_fs DELAY_MS MOUNTPOINT. Unmounts on SIGTERM.

#define FUSE_USE_VERSION 31

#include <fuse3/fuse.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

constexpr off_t kSlowBytes = 4096;
constexpr off_t kBrokenBytes = 65536;
std::chrono::milliseconds delay;

bool IsBroken(const char* path) { return std::strcmp(path, "/broken") == 0; }

int GetAttributes(const char* path, struct stat* status,
                  struct fuse_file_info* /*info*/) {
  *status = {};
  if (std::strcmp(path, "/") == 0) {
    status->st_mode = S_IFDIR | 0755;
    status->st_nlink = 2;
    return 0;
  }
  if (!IsBroken(path) && std::strcmp(path, "/slow") != 0) return -ENOENT;
  status->st_mode = S_IFREG | 0444;
  status->st_nlink = 1;
  status->st_size = IsBroken(path) ? kBrokenBytes : kSlowBytes;
  return 0;
}

int Read(const char* path, char* buffer, size_t size, off_t offset,
         struct fuse_file_info* /*info*/) {
  std::this_thread::sleep_for(delay);
  const off_t end = IsBroken(path) ? kBrokenBytes : kSlowBytes;
  const off_t count =
      std::clamp<off_t>(end - offset, 0, static_cast<off_t>(size));
  if (IsBroken(path) && offset + count > kBrokenBytes / 2) return -EIO;
  std::memset(buffer, 0, static_cast<size_t>(count));
  return static_cast<int>(count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  delay = std::chrono::milliseconds(std::atoi(argv[1]));
  struct fuse_operations operations {};
  operations.getattr = GetAttributes;
  operations.read = Read;
  char foreground[] = "-f";
  char one_thread[] = "-s";
  char* args[] = {argv[0], foreground, one_thread, argv[2], nullptr};
  return fuse_main(4, args, &operations, nullptr);
}
