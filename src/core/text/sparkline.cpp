#include "core/text/sparkline.h"

#include <algorithm>
#include <cmath>

namespace waiver {
namespace {

int64_t step_of(std::span<const int64_t> steps, int64_t column, int64_t columns) {
  return steps.front() + (steps.back() - steps.front()) * column / (columns - 1);
}

}  // namespace

std::string sparkline(std::span<const int64_t> steps, std::span<const double> values, double top,
                      int64_t columns) {
  constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string line;
  size_t newest = 0;
  for (int64_t c = 0; c < columns; ++c) {
    while (newest + 1 < steps.size() && steps[newest + 1] <= step_of(steps, c, columns)) ++newest;
    const double height = values[newest] / top * 8;
    line += std::isnan(height) ? " " : kBlocks[static_cast<int>(std::clamp(height, 0.0, 7.0))];
  }
  return line;
}

int64_t sparkline_column(std::span<const int64_t> steps, int64_t step, int64_t columns) {
  int64_t c = 0;
  while (c + 1 < columns && step_of(steps, c, columns) < step) ++c;
  return c;
}

}  // namespace waiver
