#include "study/published_curves.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "config/overlay.h"
#include "config/suggest.h"

namespace waiver {
namespace {

constexpr Choice kParts[] = {{"file", ""}, {"source", ""}, {"columns", ""}};
constexpr Choice kOurs[] = {{"step", ""},       {"received_attention", ""},
                            {"enrichment", ""}, {"value_ratio", ""},
                            {"loss", ""},       {"train_loss", ""}};

using CsvRow = std::vector<std::string>;

CsvRow cells_of(const std::string& line) {
  CsvRow cells;
  std::istringstream text(line);
  for (std::string cell; std::getline(text, cell, ',');) {
    const size_t begin = cell.find_first_not_of(" \t\r\""), end = cell.find_last_not_of(" \t\r\"");
    cells.push_back(begin == cell.npos ? "" : cell.substr(begin, end - begin + 1));
  }
  return cells;
}

// The head and the rows.
std::vector<CsvRow> table_of(const std::string& text) {
  const size_t mark = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;  // of its byte order
  std::vector<CsvRow> rows;
  std::istringstream lines(text.substr(mark));
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("#") && line.find_first_not_of(" \t\r") != line.npos)
      rows.push_back(cells_of(line));
  return rows;
}

std::optional<double> number_of(const CsvRow& row, size_t column) {
  if (column >= row.size()) return {};
  const std::string& text = row[column];
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return {};
  return value;
}

bool is_empty(const CsvRow& row, size_t column) {
  return column >= row.size() || row[column].empty();
}

/// The block, while it is read.
class PublishedBlock {
 public:
  PublishedBlock(const Node& block, const std::vector<std::string>& kept, Complaints& complaints)
      : block_(block), kept_(kept), complaints_(complaints) {}

  Json read(const std::string& path) {
    for (const Node::Entry& entry : block_.entries)
      if (!find_choice(kParts, entry.name))
        complaints_.add(entry.place, "published." + entry.name, "unknown key",
                        nearest_choice(kParts, entry.name));
    const std::string file = text("file", true), source = text("source", false);
    const Node::Entry* columns = block_.find("columns");
    if (!columns || !columns->value.is_map() || columns->value.entries.empty()) {
      complaints_.add(columns ? columns->place : block_.place, "published.columns",
                      "expected ours: theirs", "For example {received_attention: attention}.");
      return nullptr;
    }
    if (file.empty()) return nullptr;
    const Place place = block_.find("file")->place;
    const std::string name = beside(path, file);
    const auto rows = table_of(read_text(name, place.text() + ": published.file"));
    const Node::Entry* steps = columns->value.find("step");
    const std::string step = steps ? steps->value.scalar : "step";
    if (rows.size() < 2 || std::ranges::find(rows[0], step) == rows[0].end()) {
      complaints_.add(place, "published.file",
                      fmt::format("{} is no table with a column {}", name, step),
                      "Another name of it goes into columns: {step: NAME}.");
      return nullptr;
    }
    Json curves = Json::object();
    for (const Node::Entry& entry : columns->value.entries)
      if (entry.name != "step") curves[entry.name] = curve(rows, entry, name, step);
    return {{"source", source}, {"curves", curves}};
  }

 private:
  std::string text(const char* key, bool required) {
    const Node::Entry* entry = block_.find(key);
    if (entry && entry->value.is_scalar()) return entry->value.scalar;
    if (entry || required)
      complaints_.add(entry ? entry->place : block_.place, fmt::format("published.{}", key),
                      "expected a text");
    return "";
  }

  Json curve(const std::vector<CsvRow>& rows, const Node::Entry& entry, const std::string& file,
             const std::string& steps_in) {
    const std::string key = "published.columns." + entry.name;
    if (!find_choice(kOurs, entry.name) && std::ranges::find(kept_, entry.name) == kept_.end()) {
      complaints_.add(entry.place, key, "no such curve is shown or kept",
                      nearest_known(entry.name));
      return nullptr;
    }
    const auto found = std::ranges::find(rows[0], entry.value.scalar);
    if (!entry.value.is_scalar() || found == rows[0].end()) {
      complaints_.add(entry.value.place, key,
                      fmt::format("{} has no column {}", file, entry.value.scalar),
                      fmt::format("It has {}.", fmt::join(rows[0], ", ")));
      return nullptr;
    }
    const auto step = static_cast<size_t>(std::ranges::find(rows[0], steps_in) - rows[0].begin());
    const auto column = static_cast<size_t>(found - rows[0].begin());
    std::map<double, double> points;
    for (size_t r = 1; r < rows.size(); ++r) {
      if (is_empty(rows[r], step) || is_empty(rows[r], column)) continue;
      const auto at = number_of(rows[r], step), value = number_of(rows[r], column);
      if (!at || !value) {
        complaints_.add(entry.value.place, key,
                        fmt::format("row {} of {} is not of numbers", r, file),
                        "What is not known is an empty cell.");
        return nullptr;
      }
      points[*at] = *value;
    }
    Json steps = Json::array(), values = Json::array();
    for (const auto& [at, value] : points) {
      steps.push_back(at);
      values.push_back(value);
    }
    return {{"steps", steps}, {"values", values}};
  }

  std::string nearest_known(const std::string& name) const {
    std::vector<Choice> known(std::begin(kOurs), std::end(kOurs));
    for (const std::string& kept : kept_) known.push_back({kept, ""});
    return nearest_choice(known, name);
  }

  const Node& block_;
  const std::vector<std::string>& kept_;
  Complaints& complaints_;
};

}  // namespace

Json read_published(const Node& block, const std::string& path,
                    const std::vector<std::string>& kept, Complaints& complaints) {
  if (block.entries.empty()) return nullptr;
  return PublishedBlock(block, kept, complaints).read(path);
}

}  // namespace waiver
