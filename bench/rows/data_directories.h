#ifndef PAGESTALL_BENCH_ROWS_DATA_DIRECTORIES_H_
#define PAGESTALL_BENCH_ROWS_DATA_DIRECTORIES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pagestall {

struct DataDirectory {
  std::string path;
  // Absolute, without a link as far as it exists.
  std::string real_path;
  // [a-z0-9_]+, of the path's last component and like no other's; empty if
  // there is one directory only.
  std::string label;
};

// What --data_dir=a,b,... names; "\," is a comma within a path.
// InvalidArgument where it names none, or one of them twice.
absl::StatusOr<std::vector<DataDirectory>> ParseDataDirectories(
    absl::string_view flag);

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_ROWS_DATA_DIRECTORIES_H_
