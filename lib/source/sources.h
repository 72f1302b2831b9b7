#ifndef PAGESTALL_LIB_SOURCE_SOURCES_H_
#define PAGESTALL_LIB_SOURCE_SOURCES_H_

#include <string>

#include "absl/types/span.h"
#include "lib/source/source.h"

namespace pagestall {

// Every source there is, in the order of rows and reports.
absl::Span<const Source> Sources();

// Which options decide the source's work, as axes of a row's name:
// "/chunk_kib:1024/ahead:3".
std::string OptionAxes(const Source& source, const SourceOptions& options);

}  // namespace pagestall

#endif  // PAGESTALL_LIB_SOURCE_SOURCES_H_
