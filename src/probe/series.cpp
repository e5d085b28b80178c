#include "probe/series.h"

#include <fmt/format.h>

#include <cmath>

namespace waiver {

std::string interval_text(const Range& range) {
  const bool low = std::isfinite(range.low), high = std::isfinite(range.high);
  return fmt::format(
      "{}{}, {}{}", low && !range.low_open ? "[" : "(", low ? fmt::format("{}", range.low) : "−∞",
      high ? fmt::format("{}", range.high) : "∞", high && !range.high_open ? "]" : ")");
}

}  // namespace waiver
