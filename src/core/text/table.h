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
  size_t keys = 1;    // the first columns, beside which all others stand where these are too wide
};

/// The lines of a table, without spaces at their ends. Where it is wider than `width` (0: no
/// limit), columns that wrap give way; where that is not enough, as many columns as fit come after
/// each other, each time beside the first `keys`, and no group under one heading is cut that fits.
std::string to_text(const Table& table, int64_t width = 0);

/// Text of one line, broken at words into lines of `width` columns; 0: no limit.
std::string folded(const std::string& text, int64_t width);

/// How many columns of a terminal the text takes, as far as fmt can tell.
int64_t display_width(std::string_view text);

/// A number with so many decimals, and a sign where asked for; `–` where it is undefined (NaN).
std::string number_cell(double x, int decimals, bool sign = false);

}  // namespace waiver
