#include "run/log_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "core/text/csv.h"

namespace waiver {
namespace {

// The places along the first axis at which any slice has a row.
std::vector<int64_t> all_rows_of(const std::vector<LogSlice>& slices) {
  std::set<int64_t> rows;
  for (const LogSlice& slice : slices) {
    if (slice.row_axis() != slices[0].row_axis())
      throw UsageError(
          slice.full_name(),
          fmt::format("its rows are of another axis than those of {}", slices[0].full_name()),
          "Ask for it by itself, or for --json.");
    if (!slice.places.empty()) rows.insert(slice.places[0].begin(), slice.places[0].end());
  }
  return {rows.begin(), rows.end()};
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

std::vector<std::string> column_names(const std::vector<LogSlice>& slices) {
  std::map<std::string, std::set<std::string>> groups;
  for (const LogSlice& slice : slices) groups[slice.spec.name].insert(slice.spec.group);
  std::vector<std::string> names;
  for (const LogSlice& slice : slices)
    for (int64_t i = 0; i < slice.row_size(); ++i) {
      const bool alone = groups[slice.spec.name].size() == 1;
      names.push_back(alone ? slice.spec.name : slice.full_name());
      if (slice.places.size() > 1) names.back() += slice.place_text(i);
    }
  return names;
}

std::string to_csv(const std::vector<LogSlice>& slices) {
  const std::vector<int64_t> rows = all_rows_of(slices);
  const bool scalar = slices[0].places.empty();
  std::vector<std::string> cells = column_names(slices);
  if (!scalar) cells.insert(cells.begin(), slices[0].row_axis());
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
