#ifndef PAGESTALL_LIB_SOURCE_NAMED_H_
#define PAGESTALL_LIB_SOURCE_NAMED_H_

#include <algorithm>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pagestall {

// The entry of a table (Sources(), Executors(), Advices()) that has this name,
// as one has.
template <typename Entry>
const Entry& Named(absl::string_view name, absl::Span<const Entry> table) {
  const auto entry =
      std::find_if(table.begin(), table.end(),
                   [&](const Entry& one) { return one.name == name; });
  if (entry == table.end()) std::abort();
  return *entry;
}

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_NAMED_H_
