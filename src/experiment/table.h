#pragma once

#include <string>
#include <vector>

namespace waiver {

/// Rows of equal length as columns that line up, a rule beneath the first row; cells are UTF-8.
std::string aligned(std::vector<std::vector<std::string>> rows);

}  // namespace waiver
