#include "core/text/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace waiver {
namespace {

using Widths = std::vector<int64_t>;  // of the columns
using Lines = std::vector<std::string>;

Lines words_of(const std::string& text) {
  Lines words;
  for (size_t begin = 0, end; begin <= text.size(); begin = end + 1) {
    end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
  }
  return words;
}

Lines wrapped(const std::string& text, int64_t width) {
  Lines lines;
  for (const std::string& word : words_of(text))
    if (lines.empty() || display_width(lines.back()) + 1 + display_width(word) > width)
      lines.push_back(word);
    else
      lines.back() += " " + word;
  return lines;
}

// Of `count` columns from `first` on, with the gaps between them.
int64_t room(const Table& table, const Widths& widths, size_t first, size_t count) {
  int64_t sum = 0;
  for (size_t i = first; i < first + count; ++i)
    sum += widths[i] + (i > first ? table.columns[i].gap : 0);
  return sum;
}

// The last of several columns makes room for a cell over all of them.
Widths natural_widths(const Table& table) {
  Widths widths;
  for (const Column& column : table.columns) widths.push_back(column.width);
  for (const bool single : {true, false})
    for (const auto& row : table.rows) {
      size_t at = 0;
      for (const auto& [text, columns] : row) {
        if ((columns == 1) == single)
          widths[at + columns - 1] +=
              std::max<int64_t>(0, display_width(text) - room(table, widths, at, columns));
        at += columns;
      }
    }
  return widths;
}

Widths longest_words(const Table& table) {
  Widths longest(table.columns.size(), 1);
  for (const auto& row : table.rows) {
    size_t at = 0;
    for (const auto& [text, columns] : row) {
      if (columns == 1)
        for (const std::string& word : words_of(text))
          longest[at] = std::max(longest[at], display_width(word));
      at += columns;
    }
  }
  return longest;
}

bool fits(const Table& table, const Widths& widths, int64_t width) {
  return table.indent + room(table, widths, 0, widths.size()) <= width;
}

// The widest column that wraps gives way, until the table fits or no word does any more.
Widths fitted_widths(const Table& table, const Widths& natural, int64_t width) {
  const Widths least = longest_words(table);
  Widths widths = natural;
  while (!fits(table, widths, width)) {
    std::optional<size_t> widest;
    for (size_t i = 0; i < widths.size(); ++i)
      if (table.columns[i].wraps && widths[i] > least[i] &&
          (!widest || widths[i] > widths[*widest]))
        widest = i;
    if (!widest) break;
    --widths[*widest];
  }
  return widths;
}

void trim(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

std::string row_text(const Table& table, const Widths& widths, const std::vector<Cell>& row) {
  Lines lines;
  int64_t begin = table.indent;  // of the cell
  size_t at = 0;
  for (const auto& [text, columns] : row) {
    const int64_t across = room(table, widths, at, columns);
    const bool right = columns == 1 && table.columns[at].align == Align::right;
    const Lines parts = columns == 1 ? wrapped(text, across) : Lines{text};
    if (at > 0) begin += table.columns[at].gap;
    lines.resize(std::max(lines.size(), parts.size()));
    for (size_t i = 0; i < parts.size(); ++i) {
      const int64_t pad = right ? across - display_width(parts[i]) : 0;
      lines[i].append(std::max<int64_t>(0, begin + pad - display_width(lines[i])), ' ');
      lines[i] += parts[i];
    }
    begin += across;
    at += columns;
  }
  std::string out;
  for (std::string& line : lines) {
    trim(line);
    out += line + "\n";
  }
  return out;
}

std::vector<Cell> rule_of(const Widths& widths) {
  std::vector<Cell> rule;
  for (const int64_t width : widths) {
    std::string line;
    for (int64_t n = 0; n < width; ++n) line += "─";
    rule.emplace_back(line);
  }
  return rule;
}

std::string text_with(const Table& table, const Widths& widths) {
  std::string out;
  for (const auto& row : table.rows) {
    out += row_text(table, widths, row);
    if (table.rule && &row == &table.rows.front()) out += row_text(table, widths, rule_of(widths));
  }
  return out;
}

// The columns of [begin, end) that a cell over [at, at + columns) is over.
size_t overlap(size_t at, size_t columns, size_t begin, size_t end) {
  const size_t first = std::max(at, begin), last = std::min(at + columns, end);
  return last > first ? last - first : 0;
}

// The first columns and columns begin … end − 1; a cell over several is over those that are left.
Table piece_of(const Table& table, size_t begin, size_t end) {
  const auto column = table.columns.begin();
  Table piece{{column, column + table.keys}, {}, table.indent, table.rule, table.keys};
  piece.columns.insert(piece.columns.end(), column + begin, column + end);
  for (const auto& row : table.rows) {
    piece.rows.emplace_back();
    size_t at = 0;
    for (const auto& [text, columns] : row) {
      const size_t kept = overlap(at, columns, 0, table.keys) + overlap(at, columns, begin, end);
      if (kept > 0) piece.rows.back().emplace_back(text, kept);
      at += columns;
    }
  }
  return piece;
}

// Before a group under one heading that a cut at `end` would divide, unless it begins the piece.
size_t before_group(const Table& table, size_t begin, size_t end) {
  size_t at = 0;
  for (const Cell& cell : table.rows[0]) {
    if (at > begin && at < end && at + cell.columns > end) return at;
    at += cell.columns;
  }
  return end;
}

// What a column takes up; one that wraps gives way down to a comfortable width.
int64_t width_in_piece(const Column& column, int64_t natural, int64_t least) {
  constexpr int64_t kComfortable = 20;
  return column.wraps ? std::max(least, std::min(natural, kComfortable)) : natural;
}

// As many columns at a time as fit, each time beside the first.
std::string text_in_pieces(const Table& table, int64_t width) {
  const Widths natural = natural_widths(table), least = longest_words(table);
  Widths wanted;
  for (size_t i = 0; i < natural.size(); ++i)
    wanted.push_back(width_in_piece(table.columns[i], natural[i], least[i]));
  std::string out;
  for (size_t begin = table.keys, end; begin < wanted.size(); begin = end) {
    int64_t used = table.indent + room(table, wanted, 0, table.keys);
    for (end = begin; end < wanted.size(); ++end) {
      used += table.columns[end].gap + wanted[end];
      if (used > width && end > begin) break;
    }
    if (end < wanted.size()) end = before_group(table, begin, end);
    const Table piece = piece_of(table, begin, end);
    out += (begin > table.keys ? "\n" : "") +
           text_with(piece, fitted_widths(piece, natural_widths(piece), width));
  }
  return out;
}

}  // namespace

std::string to_text(const Table& table, int64_t width) {
  const Widths natural = natural_widths(table);
  if (width <= 0 || fits(table, natural, width)) return text_with(table, natural);
  const Widths narrow = fitted_widths(table, natural, width);
  if (fits(table, narrow, width) || narrow.size() <= table.keys + 1)
    return text_with(table, narrow);
  return text_in_pieces(table, width);
}

std::string folded(const std::string& text, int64_t width) {
  return to_text({{{.wraps = true}}, {{text}}}, width);
}

int64_t display_width(std::string_view text) {
  // Nothing is wider than it has bytes, so what fmt pads it with is the difference.
  const size_t bytes = text.size();
  return static_cast<int64_t>(2 * bytes - fmt::formatted_size("{:<{}}", text, bytes));
}

std::string number_cell(double x, int decimals, bool sign) {
  if (std::isnan(x)) return "–";
  return sign ? fmt::format("{:+.{}f}", x, decimals) : fmt::format("{:.{}f}", x, decimals);
}

}  // namespace waiver
