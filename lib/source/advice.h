#ifndef PAGESTALL_LIB_SOURCE_ADVICE_H_
#define PAGESTALL_LIB_SOURCE_ADVICE_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "lib/file/file.h"
#include "lib/file/mapping.h"

namespace pagestall {

// Something that the kernel can be told of how a file will be read: a line of
// the table in advice.cc.
struct Advice {
  const char* name;  // [a-z0-9_], as in a row's advice:<name>
  // The kernel reads bytes for it, or begins to, so that it is work to be
  // measured.
  bool reads = false;
  // One of the two: about a file, however it is read, or about a mapping, which
  // it may replace by another one of the same file.
  absl::Status (*to_file)(const File& file) = nullptr;
  absl::Status (*to_mapping)(const File& file, Mapping& mapping) = nullptr;
};

absl::Span<const Advice> Advices();

// An advice, or none, that is given once: when a file is opened, or with the
// first bytes if the kernel reads for it.
class AdviceToGive {
 public:
  explicit AdviceToGive(const Advice* advice) : advice_(advice) {}

  // `mapping` is null where there is none.
  absl::Status AtOpen(const File& file, Mapping* mapping) {
    return advice_ != nullptr && !advice_->reads ? Give(file, mapping)
                                                 : absl::OkStatus();
  }
  absl::Status WithFirstBytes(const File& file, Mapping* mapping) {
    return advice_ != nullptr ? Give(file, mapping) : absl::OkStatus();
  }

 private:
  absl::Status Give(const File& file, Mapping* mapping);

  const Advice* advice_;  // null once it was given
};

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_ADVICE_H_
