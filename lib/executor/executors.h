#ifndef PAGESTALL_LIB_EXECUTOR_EXECUTORS_H_
#define PAGESTALL_LIB_EXECUTOR_EXECUTORS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/executor/scan.h"
#include "lib/source/source.h"

namespace pagestall {

// What runs the per-file sums: a line of the table in executor/executors.cc.
struct Executor {
  const char* name;   // [a-z0-9_], as in a row's exec:<name>
  const char* words;  // what runs the sums, for a person; {}: of how many files
  bool async;         // runs async sources, and calls the scan's watchers
  bool at_once;       // all files, else one after the other
  // Whether it can open files by a source, whatever this machine has.
  bool (*supports)(const Source& source);
  // Opens every file of a source that it supports. Unimplemented and
  // PermissionDenied where this machine lacks what that takes. The scan refers
  // to nothing of the arguments but the watchers.
  absl::StatusOr<std::unique_ptr<Scan>> (*prepare)(const Source& source,
                                                   const ScanSpec& spec);
};

// Every executor there is, in the order of rows and reports.
absl::Span<const Executor> Executors();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_EXECUTOR_EXECUTORS_H_
