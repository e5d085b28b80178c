#include "study/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/text/table.h"
#include "run/console.h"
#include "run/plan/pace.h"
#include "train/trainer.h"

namespace waiver {
namespace {

// The time until the last ends, where each starts as soon as there is room for it.
double side_by_side_seconds(const std::vector<double>& each, int64_t places) {
  std::vector<double> busy(static_cast<size_t>(places));
  for (const double seconds : each) *std::ranges::min_element(busy) += seconds;
  return *std::ranges::max_element(busy);
}

// A run whose first steps fail takes no time.
Pace pace_of(const Config& config) try { return Pace::of(config); } catch (const NotFinite&) {
  return {};
}

}  // namespace

std::string forecast_text(const Study& study, const std::vector<RunNeeds>& needs,
                          const std::vector<size_t>& runs, int64_t side_by_side, int64_t width) {
  Table table{{{Align::right}, {.wraps = true}, {Align::right}, {Align::right}, {Align::right}},
              {{"", "run", "steps", "memory", "time"}},
              0,
              true};
  std::map<std::string, Pace> paces;
  std::vector<double> seconds;
  for (const size_t i : runs) {
    const Config& config = study.runs[i].config;
    const auto [pace, fresh] = paces.try_emplace(study.runs[i].group);
    if (fresh) pace->second = pace_of(config);
    seconds.push_back(pace->second.seconds(config));
    table.rows.push_back({std::to_string(i + 1), study.runs[i].name,
                          std::to_string(config.train.steps), memory_text(needs[i].memory.total()),
                          duration_text(seconds.back())});
  }
  if (runs.empty()) return "Every run is done already.\n";
  return to_text(table, width) + "\n" +
         folded(
             fmt::format("{} run{}, {} at a time: about {} on this machine as it is now, by a few "
                         "steps of each config.",
                         runs.size(), runs.size() == 1 ? "" : "s", side_by_side,
                         duration_text(side_by_side_seconds(seconds, side_by_side))),
             width);
}

}  // namespace waiver
