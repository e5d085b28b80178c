#pragma once

#include <string>
#include <vector>

namespace waiver {

/// A line of CSV (RFC 4180, but for its line feed), with quotes around what needs them.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace waiver
