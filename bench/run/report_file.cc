#include "bench/run/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "fixtures/machine/whole_file.h"
#include "lib/file/errno_status.h"
#include "lib/file/file.h"

namespace pagestall {
namespace {

constexpr mode_t kReadableByAll = 0666;
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

bool MakeEmpty(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

// What forbids to put one file at another's place need not forbid to write to
// it: a mount point, a directory that is sticky or for appending, a sandbox. A
// disk that is full does.
bool MayBeWrittenInPlace(const absl::Status& replaced) {
  return absl::IsPermissionDenied(replaced) ||
         absl::IsUnimplemented(replaced) ||
         replaced.code() == absl::ErrnoToStatusCode(EBUSY);
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
  if (absl::Status allowed = regular->CheckWritable(); !allowed.ok()) {
    return allowed;
  }
  return regular;
}

ReportFile::~ReportFile() { RemoveUnread(); }

void ReportFile::RemoveUnread() {
  if (std::exchange(has_unread_, false)) unlink(Temporary().c_str());
}

absl::Status ReportFile::CheckWritable() {
  const int there = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (there < 0 && errno != ENOENT) {
    return ErrnoStatus(errno, "write", path_, kAdvice);
  }
  if (there >= 0) close(there);
  const std::string temporary = Temporary();
  unlink(temporary.c_str());  // of a process of the same id that was killed
  const bool made = MakeEmpty(temporary);
  if (!made && there < 0) return ErrnoStatus(errno, "write", path_, kAdvice);
  replaceable_ = made && unlink(temporary.c_str()) == 0;
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReportFile::Unread() {
  constexpr char kNull[] = "/dev/null";
  const int fd = open(kNull, O_WRONLY | O_CLOEXEC);
  const int error = errno;
  if (fd >= 0) {
    close(fd);
    return kNull;
  }
  const bool may_try = error != EMFILE && error != ENFILE;
  if (may_try && special_.is_open()) return path_;
  if (may_try && replaceable_ && MakeEmpty(Temporary())) {
    has_unread_ = true;
    return Temporary();
  }
  return ErrnoStatus(error, "open", kNull);
}

absl::Status ReportFile::Write() {
  if (!text_) return ErrnoStatus(ENOMEM, "write", path_);
  if (special_.is_open()) {
    if (special_ << text_.str() << std::flush) return absl::OkStatus();
    return ErrnoStatus(errno, "write", path_);
  }
  if (!replaceable_) return WriteInPlace();
  RemoveUnread();
  absl::Status status =
      WriteWholeFile(path_, Temporary(), text_.str(), kReadableByAll);
  return MayBeWrittenInPlace(status) ? WriteInPlace() : status;
}

absl::Status ReportFile::WriteInPlace() const {
  // Not O_CREAT, which others' files in a directory like /tmp may not have
  // (proc_sys_fs(5), protected_regular).
  absl::StatusOr<File> file = File::Open(path_, O_WRONLY | O_TRUNC);
  if (absl::IsNotFound(file.status())) {
    file = File::Open(path_, O_WRONLY | O_CREAT | O_EXCL, kReadableByAll);
  }
  if (!file.ok()) return file.status();
  return file->Write(BytesOf(text_.str()), 0);
}

std::string ReportFile::Temporary() const {
  return absl::StrCat(path_, ".", getpid(), ".part");
}

}  // namespace pagestall
