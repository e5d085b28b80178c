#pragma once

#include <string>
#include <vector>

namespace waiver {

/// A number right-aligned to `width`, with so many decimals and a sign where asked for; `–` where
/// it is undefined (NaN).
std::string number_cell(double x, int width, int decimals, bool sign = false);

/// Rows of equal length as columns that line up, a rule beneath the first row; cells are UTF-8.
std::string aligned(std::vector<std::vector<std::string>> rows);

}  // namespace waiver
