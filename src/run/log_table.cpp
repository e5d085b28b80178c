#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/text/printable.h"
#include "core/text/table.h"
#include "run/log_text.h"

namespace waiver {
namespace {

constexpr int64_t kReadable = 20000;  // elements of a table for people

std::string reading_cell(const LogSlice& slice, size_t at) {
  if (slice.is_text()) return printable(slice.texts[at], 24);
  if (slice.is_undefined(at)) return "–";
  if (slice.element == H5File::Element::int64) return slice.text(at);
  return fmt::format("{:.4g}", slice.numbers[at]);
}

/// A table with the places along an axis before its columns, which are cut into pieces that fit.
struct FoldedTable {
  std::vector<std::string> before, heads;
  std::vector<std::vector<std::string>> columns;

  std::string text(int64_t width) const {
    const int64_t left = before_width();
    std::string out;
    for (size_t begin = 0; begin < columns.size();) {
      size_t end = begin;
      for (int64_t used = left; end < columns.size(); ++end) {
        used += 2 + column_width(end);
        if (width > 0 && used > width && end > begin) break;
      }
      out += (begin > 0 ? "\n" : "") + piece(begin, end);
      begin = end;
    }
    return out;
  }

 private:
  int64_t before_width() const {
    int64_t most = 0;
    for (const std::string& cell : before) most = std::max(most, display_width(cell));
    return most;
  }
  int64_t column_width(size_t c) const {
    int64_t most = display_width(heads[c]);
    for (const std::string& cell : columns[c]) most = std::max(most, display_width(cell));
    return most;
  }
  std::string piece(size_t begin, size_t end) const {
    Table table{std::vector<Column>(1 + end - begin, {Align::right}), {}};
    for (size_t r = 0; r < before.size(); ++r) {
      table.rows.push_back({before[r]});
      for (size_t c = begin; c < end; ++c)
        table.rows.back().emplace_back(r == 0 ? heads[c] : columns[c][r - 1]);
    }
    return to_text(table);
  }
};

FoldedTable table_with_rows(const LogSlice& slice) {
  FoldedTable table;
  table.before.push_back(slice.row_axis());
  if (slice.places.empty())
    table.before.push_back("");
  else
    for (const int64_t place : slice.places[0]) table.before.push_back(std::to_string(place));
  return table;
}

// One column for each, which all have the same rows.
std::string text_of_columns(const std::vector<LogSlice>& slices, int64_t width) {
  FoldedTable table = table_with_rows(slices[0]);
  table.heads = column_names(slices);
  for (const LogSlice& slice : slices) {
    table.columns.emplace_back();
    for (int64_t row = 0; row < slice.rows(); ++row)
      table.columns.back().push_back(reading_cell(slice, static_cast<size_t>(row)));
  }
  return table.text(width);
}

// The last axis with several places has the columns; there is a table for each place along the
// others but the first, which has the rows.
std::string text_of_blocks(const LogSlice& slice, int64_t width) {
  std::string text = folded(
      fmt::format("{} ({}): {}", slice.full_name(), slice.spec.units, slice.spec.long_name), width);
  const int64_t size = slice.row_size();
  if (size == 0) return text + "It has no elements.\n";
  size_t along = slice.places.size() - 1;
  while (along > 1 && slice.places[along].size() == 1) --along;
  const auto& across = slice.places[along];
  const int64_t stride = slice.stride(along);
  const bool single = across.size() == 1;
  for (int64_t first = 0; first < size; ++first) {
    if (first / stride % std::ssize(across) != 0) continue;
    FoldedTable table = table_with_rows(slice);
    for (int64_t c = 0; c < std::ssize(across); ++c) {
      table.heads.push_back(single ? slice.spec.name : std::to_string(across[c]));
      table.columns.emplace_back();
      for (int64_t row = 0; row < slice.rows(); ++row)
        table.columns.back().push_back(
            reading_cell(slice, static_cast<size_t>(row * size + first + c * stride)));
    }
    text += fmt::format("\n{}\n{}", slice.place_text(first, single ? 0 : along), table.text(width));
  }
  return text;
}

}  // namespace

std::string to_text(const std::vector<LogSlice>& slices, int64_t width) {
  std::vector<std::vector<LogSlice>> columns;  // of those that share rows
  std::vector<std::string> blocks;
  for (const LogSlice& slice : slices) {
    if (slice.rows() * slice.row_size() > kReadable)
      throw UsageError(
          slice.full_name(),
          fmt::format("{} values are more than anyone reads", slice.rows() * slice.row_size()),
          fmt::format("Choose some, as {}[step=last], or take all with --csv or --json.",
                      slice.full_name()));
    if (slice.row_size() != 1 || slice.places.size() > 1) {
      blocks.push_back(text_of_blocks(slice, width));
      continue;
    }
    const auto same = std::ranges::find_if(columns, [&](const auto& with) {
      return with[0].row_axis() == slice.row_axis() && with[0].places == slice.places;
    });
    if (same == columns.end())
      columns.push_back({slice});
    else
      same->push_back(slice);
  }
  std::vector<std::string> parts;
  for (const auto& together : columns) parts.push_back(text_of_columns(together, width));
  parts.insert(parts.end(), blocks.begin(), blocks.end());
  return fmt::format("{}", fmt::join(parts, "\n"));
}

}  // namespace waiver
