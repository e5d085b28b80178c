#include "run/log_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "core/text/printable.h"
#include "core/text/table.h"

namespace waiver {
namespace {

constexpr int64_t kReadable = 20000;  // elements of a table for people

// Calls f(name, shape, spec) for all that a group holds.
template <class F>
void for_each_in(const Log& log, const std::string& group, const F& f) {
  for (const std::string& name : log.names(group)) {
    const std::vector<int64_t> shape = log.shape(group, name);
    f(name, shape, log.spec(group, name));
  }
}

bool starts_with_steps(const SeriesSpec& spec) {
  return !spec.axes.empty() && spec.axes[0] == "step";
}

std::string group_heading(const std::string& group, const std::vector<int64_t>& steps) {
  if (steps.empty()) return group + ": no rows\n";
  return fmt::format("{}: {} row{}, step{} {}\n", group, steps.size(), steps.size() == 1 ? "" : "s",
                     steps.size() == 1 ? "" : "s",
                     steps.size() == 1 ? std::to_string(steps[0])
                                       : fmt::format("{} to {}", steps.front(), steps.back()));
}

// The indices along the axes from `first` on of element `at` of a row, and so on: `layer=1,head=0`.
std::string place_text(const LogSlice& slice, size_t first, size_t end, int64_t at) {
  std::vector<std::string> parts;
  for (size_t axis = end; axis-- > first;) {
    const auto& places = slice.places[axis];
    parts.push_back(fmt::format("{}={}", slice.spec.axes[axis], places[at % std::ssize(places)]));
    at /= std::ssize(places);
  }
  std::ranges::reverse(parts);
  return fmt::format("{}", fmt::join(parts, ","));
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += (i ? "," : "") + csv_cell(cells[i]);
  return line + "\n";
}

std::string first_axis(const LogSlice& slice) {
  return slice.places.empty() ? "" : slice.spec.axes[0];
}

// The places along the first axis at which any slice has a row.
std::vector<int64_t> all_rows_of(const std::vector<LogSlice>& slices) {
  std::set<int64_t> rows;
  for (const LogSlice& slice : slices) {
    if (first_axis(slice) != first_axis(slices[0]))
      throw UsageError(
          slice.full_name(),
          fmt::format("its rows are of another axis than those of {}", slices[0].full_name()),
          "Ask for it by itself, or for --json.");
    if (!slice.places.empty()) rows.insert(slice.places[0].begin(), slice.places[0].end());
  }
  return {rows.begin(), rows.end()};
}

std::vector<std::string> column_names(const std::vector<LogSlice>& slices) {
  std::map<std::string, std::set<std::string>> groups;
  for (const LogSlice& slice : slices) groups[slice.spec.name].insert(slice.spec.group);
  std::vector<std::string> names;
  for (const LogSlice& slice : slices)
    for (int64_t i = 0; i < slice.row_size(); ++i) {
      const bool alone = groups[slice.spec.name].size() == 1;
      names.push_back(alone ? slice.spec.name : slice.full_name());
      if (slice.places.size() > 1)
        names.back() += "[" + place_text(slice, 1, slice.places.size(), i) + "]";
    }
  return names;
}

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
  table.before.push_back(first_axis(slice));
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

// A table for each place along the axes between the first and the last.
std::string text_of_blocks(const LogSlice& slice, int64_t width) {
  std::string text = folded(
      fmt::format("{} ({}): {}", slice.full_name(), slice.spec.units, slice.spec.long_name), width);
  const size_t last = slice.places.size() - 1;
  const int64_t columns = std::ssize(slice.places[last]), size = slice.row_size();
  if (size == 0) return text + "It has no elements.\n";
  for (int64_t block = 0; block < size / columns; ++block) {
    const std::string place = last > 1 ? place_text(slice, 1, last, block) + "," : "";
    FoldedTable table = table_with_rows(slice);
    for (int64_t c = 0; c < columns; ++c) {
      table.heads.push_back(std::to_string(slice.places[last][c]));
      table.columns.emplace_back();
      for (int64_t row = 0; row < slice.rows(); ++row)
        table.columns.back().push_back(
            reading_cell(slice, static_cast<size_t>(row * size + block * columns + c)));
    }
    text += fmt::format("\n[{}{}]\n{}", place, slice.spec.axes[last], table.text(width));
  }
  return text;
}

Json json_value(const LogSlice& slice, size_t at) {
  if (slice.is_text()) return slice.texts[at];
  if (slice.element == H5File::Element::int64) return static_cast<int64_t>(slice.numbers[at]);
  if (!std::isfinite(slice.numbers[at])) return {};
  if (slice.element == H5File::Element::float64) return slice.numbers[at];
  return std::stod(slice.text(at));  // of a float32, the number with the shortest text
}

Json nested(const LogSlice& slice, size_t axis, size_t& at) {
  if (axis == slice.places.size()) return json_value(slice, at++);
  auto out = Json::array();
  for (size_t i = 0; i < slice.places[axis].size(); ++i) out.push_back(nested(slice, axis + 1, at));
  return out;
}

}  // namespace

std::string log_contents(const Log& log, int64_t width) {
  std::vector<std::string> axes;
  for (const auto& [name, size] : log.axes()) axes.push_back(fmt::format("{} {}", name, size));
  std::string text = to_text(
      {{{}, {.gap = 1, .wraps = true}}, {{"axes:", fmt::format("{}", fmt::join(axes, ", "))}}},
      width);
  for (const std::string& group : log.groups()) {
    Table series{{{}, {.wraps = true}, {}, {.wraps = true}}, {}, 2}, fixed = series;
    for_each_in(log, group, [&](const auto& name, const auto&, const SeriesSpec& spec) {
      const size_t skipped = starts_with_steps(spec) ? 1 : 0;
      const std::vector<std::string> rest(spec.axes.begin() + skipped, spec.axes.end());
      (skipped ? series : fixed)
          .rows.push_back(
              {name, fmt::format("{}", fmt::join(rest, ", ")), spec.units, spec.long_name});
    });
    if (!series.rows.empty())
      text += "\n" + group_heading(group, log.steps(group)) + to_text(series, width);
    if (!fixed.rows.empty()) text += "\n" + group + ": without steps\n" + to_text(fixed, width);
  }
  return text;
}

std::string log_contents_csv(const Log& log) {
  std::string text =
      csv_line({"group", "name", "axes", "shape", "units", "long_name", "description"});
  for (const std::string& group : log.groups())
    for_each_in(log, group, [&](const auto& name, const auto& shape, const SeriesSpec& spec) {
      text += csv_line({group, name, fmt::format("{}", fmt::join(spec.axes, " ")),
                        fmt::format("{}", fmt::join(shape, " ")), spec.units, spec.long_name,
                        spec.description});
    });
  return text;
}

Json log_contents_json(const Log& log) {
  Json out = {{"log", log.path().string()}, {"axes", Json::object()}, {"series", Json::array()}};
  for (const auto& [name, size] : log.axes()) out["axes"][name] = size;
  for (const std::string& group : log.groups())
    for_each_in(log, group, [&](const auto& name, const auto& shape, const SeriesSpec& spec) {
      out["series"].push_back({{"group", group},
                               {"name", name},
                               {"axes", spec.axes},
                               {"shape", shape},
                               {"units", spec.units},
                               {"long_name", spec.long_name},
                               {"description", spec.description}});
    });
  return out;
}

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
      return first_axis(with[0]) == first_axis(slice) && with[0].places == slice.places;
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

std::string to_csv(const std::vector<LogSlice>& slices) {
  const std::vector<int64_t> rows = all_rows_of(slices);
  const bool scalar = slices[0].places.empty();
  std::vector<std::string> cells = column_names(slices);
  if (!scalar) cells.insert(cells.begin(), first_axis(slices[0]));
  std::string text = csv_line(cells);
  std::vector<size_t> next(slices.size(), 0);  // row of each slice
  for (size_t row = 0; row < (scalar ? 1 : rows.size()); ++row) {
    cells.clear();
    if (!scalar) cells.push_back(std::to_string(rows[row]));
    for (size_t s = 0; s < slices.size(); ++s) {
      const LogSlice& slice = slices[s];
      const auto size = static_cast<size_t>(slice.row_size());
      const bool has =
          scalar || (next[s] < slice.places[0].size() && slice.places[0][next[s]] == rows[row]);
      for (size_t i = 0; i < size; ++i) {
        const size_t at = next[s] * size + i;
        cells.push_back(has && !slice.is_undefined(at) ? slice.text(at) : "");
      }
      if (has) ++next[s];
    }
    text += csv_line(cells);
  }
  return text;
}

Json to_json(const Log& log, const std::vector<LogSlice>& slices) {
  Json out = {{"log", log.path().string()}, {"series", Json::array()}};
  for (const LogSlice& slice : slices) {
    Json coords = Json::object();
    for (size_t axis = 0; axis < slice.places.size(); ++axis)
      coords[slice.spec.axes[axis]] = {{"dims", {slice.spec.axes[axis]}},
                                       {"data", slice.places[axis]}};
    size_t at = 0;
    out["series"].push_back({{"group", slice.spec.group},
                             {"name", slice.spec.name},
                             {"dims", slice.spec.axes},
                             {"coords", coords},
                             {"attrs",
                              {{"units", slice.spec.units},
                               {"long_name", slice.spec.long_name},
                               {"description", slice.spec.description}}},
                             {"data", nested(slice, 0, at)}});
  }
  return out;
}

}  // namespace waiver
