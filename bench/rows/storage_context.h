#ifndef PAGESTALL_BENCH_ROWS_STORAGE_CONTEXT_H_
#define PAGESTALL_BENCH_ROWS_STORAGE_CONTEXT_H_

#include <string>
#include <utility>
#include <vector>

namespace pagestall {

// What a directory lies on, as names and values for a report: file system,
// mount options, and the block device's name, model, kind, scheduler and
// read-ahead, from /proc/self/mountinfo and /sys/dev/block (proc(5), sysfs(5)),
// and what lies below (StorageChain). What the system does not tell is
// "unknown".
std::vector<std::pair<std::string, std::string>> DescribeStorage(
    const std::string& directory);

}  // namespace pagestall

#endif  // PAGESTALL_BENCH_ROWS_STORAGE_CONTEXT_H_
