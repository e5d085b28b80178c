#include "core/text/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace waiver {
namespace {

size_t characters(const std::string& text) {
  return std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; });  // of UTF-8
}

}  // namespace

std::string number_cell(double x, int width, int decimals, bool sign) {
  if (std::isnan(x)) return fmt::format("{:>{}}", "–", width);
  return sign ? fmt::format("{:>+{}.{}f}", x, width, decimals)
              : fmt::format("{:>{}.{}f}", x, width, decimals);
}

std::string aligned(std::vector<std::vector<std::string>> rows) {
  std::vector<std::string> rule;
  for (size_t i = 0; i < rows[0].size(); ++i) {
    size_t width = 0;
    for (const auto& row : rows) width = std::max(width, characters(row[i]));
    for (auto& row : rows) row[i].append(width - characters(row[i]), ' ');
    rule.emplace_back();
    for (size_t n = 0; n < width; ++n) rule.back() += "─";
  }
  rows.insert(rows.begin() + 1, rule);
  std::string text;
  for (const auto& row : rows) {
    std::string line = fmt::format("{}", fmt::join(row, "  "));
    text += line.erase(line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace waiver
