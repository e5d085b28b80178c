#include "study/events.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/stop.h"
#include "run/run.h"

namespace waiver {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr int64_t kTogether = 10;  // W11: one part in so many of the run

double lag_of(const RunEvents& events, std::string_view from, std::string_view to) {
  const auto first = events.step(from), second = events.step(to);
  return first && second ? static_cast<double>(*second - *first) : NAN;
}

}  // namespace

Sample sample_of(std::vector<double> each) {
  std::vector<double> known = each;
  std::erase_if(known, [](double x) { return std::isnan(x); });
  return {std::move(each), bootstrap_median(known)};
}

bool GroupEvents::has(std::string_view event) const {
  return runs.front().events.find(event) != nullptr;
}

Sample GroupEvents::steps(std::string_view event) const {
  std::vector<double> each;
  for (const Run& run : runs) {
    const auto step = run.events.step(event);
    each.push_back(step ? static_cast<double>(*step) : kNever);
  }
  return sample_of(std::move(each));
}

Sample GroupEvents::lag(std::string_view from, std::string_view to) const {
  std::vector<double> each;
  for (const Run& run : runs) each.push_back(lag_of(run.events, from, to));
  return sample_of(std::move(each));
}

std::vector<std::string_view> GroupEvents::order() const {
  std::vector<std::pair<double, std::string_view>> found;
  for (const auto& entry : runs.front().events.entries)
    if (const double middle = steps(entry.kind.name).middle.median; middle < kNever)
      found.emplace_back(middle, entry.kind.name);
  std::ranges::stable_sort(found, {}, [](const auto& each) { return each.first; });
  std::vector<std::string_view> names;
  for (const auto& [middle, name] : found) names.push_back(name);
  return names;
}

GroupEvents::Together GroupEvents::together() const {
  Together out;
  for (const Run& run : runs) {
    const double lag = lag_of(run.events, "enrichment", "value");
    out.both += !std::isnan(lag);
    out.within += std::abs(lag) * kTogether <= static_cast<double>(run.steps);
  }
  return out;
}

StudyEvents find_events(const Study& study, const std::filesystem::path& folder) {
  StudyEvents out;
  for (const StudyRun& run : study.runs) {
    check_stop();
    if (run_status((folder / run.name).string()) != "done") continue;
    const Log log = Log::open(folder / run.name / "log.h5");
    if (!log.has_checksum()) out.unchecked.push_back(run.name);
    const auto events = find_events(log, run.config.probe);
    if (!events) {
      out.without.push_back(run.name);
      continue;
    }
    const std::string& name = run.group.empty() ? study.name : run.group;
    if (out.groups.empty() || out.groups.back().name != name) out.groups.push_back({name, {}});
    out.groups.back().runs.push_back({run.config.seed.init, run.config.train.steps, *events});
  }
  return out;
}

}  // namespace waiver
