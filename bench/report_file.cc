#include "bench/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "fixtures/whole_file.h"
#include "lib/file/errno_status.h"

namespace pagestall {
namespace {

constexpr char kAdvice[] =
    "pass --benchmark_out with a file that you may write";

}  // namespace

bool ReportFile::CanReplace(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return true;
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
}

absl::Status ReportFile::CheckWritable() const {
  struct stat status;
  if (stat(path_.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return ErrnoStatus(EISDIR, "write", path_,
                       "pass --benchmark_out with a file's name");
  }
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

bool ReportFile::ReportContext(const Context& context) {
  SetOutputStream(&text_);
  return JSONReporter::ReportContext(context);
}

absl::Status ReportFile::Write() const {
  if (!text_) return ErrnoStatus(ENOMEM, "write", path_);
  return WriteWholeFile(path_, Temporary(), text_.str(), 0666);
}

std::string ReportFile::Temporary() const {
  return absl::StrCat(path_, ".", getpid(), ".part");
}

}  // namespace pagestall
