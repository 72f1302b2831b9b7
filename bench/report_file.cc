#include "bench/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "fixtures/whole_file.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"

namespace pagestall {
namespace {

constexpr char kAdvice[] =
    "pass --benchmark_out with a file that you may write";

// Which file a chain of symbolic links leads to, be it there or not.
std::string Resolved(std::filesystem::path path) {
  constexpr int kMostLinks = 40;  // path_resolution(7)
  std::error_code error;
  for (int links = 0; links < kMostLinks; ++links) {
    const auto target = std::filesystem::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / target;
  }
  return path.string();
}

bool IsOpenAs(int fd, const struct stat& file) {
  struct stat status;
  return fstat(fd, &status) == 0 && status.st_dev == file.st_dev &&
         status.st_ino == file.st_ino;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReportFile>> ReportFile::Open(
    const std::string& path) {
  struct stat status;
  const bool there = stat(path.c_str(), &status) == 0;
  if (there && S_ISDIR(status.st_mode)) {
    return ErrnoStatus(EISDIR, "write", path,
                       "pass --benchmark_out with a file's name");
  }
  if (there && !S_ISREG(status.st_mode)) {
    auto special = std::unique_ptr<ReportFile>(new ReportFile(path));
    special->special_.open(path, std::ios::binary);
    if (!special->special_) return ErrnoStatus(errno, "write", path, kAdvice);
    return special;
  }
  if (!there && errno != ENOENT) {
    return ErrnoStatus(errno, "write", path, kAdvice);
  }
  if (there &&
      (IsOpenAs(STDOUT_FILENO, status) || IsOpenAs(STDERR_FILENO, status))) {
    return absl::InvalidArgumentError(
        absl::StrCat("write ", QuotedPath(path),
                     ": what is printed goes there as well; pass "
                     "--benchmark_out with another file"));
  }
  auto regular = std::unique_ptr<ReportFile>(new ReportFile(Resolved(path)));
  if (absl::Status allowed = regular->CheckReplaceable(); !allowed.ok()) {
    return allowed;
  }
  return regular;
}

absl::Status ReportFile::CheckReplaceable() const {
  // A rename needs no permission for what it replaces.
  if (access(path_.c_str(), W_OK) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, "write", path_, kAdvice);
  }
  const std::string temporary = Temporary();
  unlink(temporary.c_str());  // of a process of the same id that was killed
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd < 0) {
    return ErrnoStatus(errno, "write", path_, kAdvice);
  }
  close(fd);
  unlink(temporary.c_str());
  return absl::OkStatus();
}

absl::Status ReportFile::Write() {
  if (!text_) return ErrnoStatus(ENOMEM, "write", path_);
  if (!special_.is_open()) {
    return WriteWholeFile(path_, Temporary(), text_.str(), 0666);
  }
  if (special_ << text_.str() << std::flush) return absl::OkStatus();
  return ErrnoStatus(errno, "write", path_);
}

std::string ReportFile::Temporary() const {
  return absl::StrCat(path_, ".", getpid(), ".part");
}

}  // namespace pagestall
