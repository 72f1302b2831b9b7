#ifndef PAGESTALL_LIB_SOURCE_TABLE_H_
#define PAGESTALL_LIB_SOURCE_TABLE_H_

#include "absl/types/span.h"
#include "lib/source/source.h"

namespace pagestall {

// Every source there is, in the order of rows and reports.
absl::Span<const Source> Sources();

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_TABLE_H_
