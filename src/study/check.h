#pragma once

#include <cstdint>
#include <string>

#include "study/study.h"

namespace waiver {

/// What `waiver config check` says of a study: a table of its groups with the size and memory of
/// their runs, and the memory of the largest. Throws UsageError where the data of a run cannot be
/// opened, or it does not fit into memory.
std::string check_text(const Study& study, int64_t width = 0);

}  // namespace waiver
