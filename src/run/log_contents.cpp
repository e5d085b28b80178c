#include "run/log_contents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text/csv.h"
#include "core/text/table.h"

namespace waiver {
namespace {

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

}  // namespace waiver
