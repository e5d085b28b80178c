#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace waiver {

/// A series over steps as one line of blocks, linear in the steps: column c of n stands for step
/// first + (last − first) c ÷ (n − 1), and shows the newest value that is not beyond it. Heights go
/// from 0, the lowest of eight, to `top`; what is undefined (NaN) is a blank. steps increase and
/// have the length of values, at least 1; at least 2 columns.
std::string sparkline(std::span<const int64_t> steps, std::span<const double> values, double top,
                      int64_t columns);

/// The first column of such a line that shows the value of this step.
int64_t sparkline_column(std::span<const int64_t> steps, int64_t step, int64_t columns);

}  // namespace waiver
