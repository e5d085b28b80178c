#pragma once

#include <string>

namespace waiver {

/// Markdown: every series that a probe can measure, with axes, units, range, when it is measured,
/// and its formula and source.
std::string metric_docs();

}  // namespace waiver
