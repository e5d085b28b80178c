#include "core/text/plain.h"

#include <algorithm>
#include <vector>

#include "core/text/table.h"

namespace waiver {
namespace {

using Cells = std::vector<std::string>;

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

Cells cells_of_row(std::string_view line) {
  Cells cells;
  std::string cell;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      cell += line[++i];
    } else if (line[i] == '|') {
      cells.push_back(trimmed(cell));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return cells;
}

bool is_rule(std::string_view line) { return line.find_first_not_of("|-: ") == line.npos; }

// The parts of a cell between its `<br>`.
Cells lines_of_cell(std::string cell) {
  constexpr std::string_view kBreak = "<br>";
  Cells lines;
  for (size_t at; (at = cell.find(kBreak)) != cell.npos; cell.erase(0, at + kBreak.size()))
    lines.push_back(cell.substr(0, at));
  lines.push_back(cell);
  return lines;
}

std::string row_as_text(const Cells& heads, const Cells& cells, int64_t width) {
  Table rest{{{}, {.wraps = true}}, {}, 2};
  for (size_t i = 1; i < std::min(heads.size(), cells.size()); ++i) {
    if (cells[i].empty()) continue;
    std::string head = heads[i];
    for (const std::string& line : lines_of_cell(cells[i])) {
      rest.rows.push_back({head, line});
      head.clear();
    }
  }
  std::string name = cells[0];
  std::erase(name, '`');
  return folded(name, width) + to_text(rest, width);
}

}  // namespace

std::string plain_text(std::string_view markdown, int64_t width) {
  std::string out;
  Cells heads;  // of the table that the line is in
  while (!markdown.empty()) {
    const std::string line(markdown.substr(0, markdown.find('\n')));
    markdown.remove_prefix(std::min(line.size() + 1, markdown.size()));
    if (!line.starts_with('|')) {
      heads.clear();
      const size_t text = line.starts_with('#') ? line.find_first_not_of("# ") : 0;
      out += folded(line.substr(std::min(text, line.size())), width);
    } else if (heads.empty()) {
      heads = cells_of_row(line);
    } else if (!is_rule(line)) {
      const bool first = out.empty() || out.ends_with("\n\n");
      out += (first ? "" : "\n") + row_as_text(heads, cells_of_row(line), width);
    }
  }
  return out;
}

}  // namespace waiver
