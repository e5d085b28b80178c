#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waiver {

enum class Align { left, right };

/// A column is as wide as its widest cell, and `width` at the least. One that `wraps` gives way, at
/// words, where the whole is too wide.
struct Column {
  Align align = Align::left;
  int64_t width = 0;
  int64_t gap = 2;  // spaces to the column before it
  bool wraps = false;
};

/// Text in UTF-8, in one line. Over several columns it stands at the left.
struct Cell {
  std::string text;
  size_t columns = 1;

  template <std::convertible_to<std::string_view> T>
  Cell(const T& text, size_t columns = 1) : text(std::string_view(text)), columns(columns) {}
};

/// Cells that line up, for people to read. A row may end early.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  int64_t indent = 0;
  bool rule = false;  // beneath the first row
};

/// The lines of a table, without spaces at their ends. Where it is wider than `width` and columns
/// that wrap can make it fit, they do; 0: no limit.
std::string to_text(const Table& table, int64_t width = 0);

/// How many columns of a terminal the text takes, as far as fmt can tell.
int64_t display_width(std::string_view text);

/// A number with so many decimals, and a sign where asked for; `–` where it is undefined (NaN).
std::string number_cell(double x, int decimals, bool sign = false);

}  // namespace waiver
