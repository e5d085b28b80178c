#include "study/events.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace waiver {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr int64_t kTogether = 10;  // W11: a tenth of the run

using Runs = std::vector<GroupEvents::Run>;

double lag_of(const RunEvents& events, std::string_view from, std::string_view to) {
  const auto first = events.step(from), second = events.step(to);
  return first && second ? static_cast<double>(*second - *first) : NAN;
}

Lag lag_of_runs(const Runs& runs, std::string_view from, std::string_view to) {
  std::vector<double> each;
  for (const GroupEvents::Run& run : runs) each.push_back(lag_of(run.events, from, to));
  return {from, to, sample_of(std::move(each))};
}

EventOfRuns event_of_runs(const Runs& runs, const EventKind& kind) {
  const auto of_each = [&](const auto& number) {
    std::vector<double> out;
    for (const GroupEvents::Run& run : runs) {
      const Event* event = run.events.find(kind.name);
      out.push_back(event ? static_cast<double>(number(*event)) : NAN);
    }
    return out;
  };
  std::vector<double> steps;
  for (const GroupEvents::Run& run : runs) {
    const auto step = run.events.step(kind.name);
    steps.push_back(step ? static_cast<double>(*step) : kNever);
  }
  return {kind,
          sample_of(std::move(steps)),
          of_each([](const Event& e) { return e.onset.before; }),
          of_each([](const Event& e) { return e.onset.after; }),
          sample_of(of_each([](const Event& e) {
            return e.change.step < 0 ? NAN : static_cast<double>(e.change.step);
          })),
          sample_of(of_each([](const Event& e) { return e.change.size; })),
          of_each([](const Event& e) { return e.change.explained; })};
}

std::vector<std::string_view> order_of(const std::vector<EventOfRuns>& events) {
  std::vector<std::pair<double, std::string_view>> found;
  for (const EventOfRuns& event : events)
    if (const double middle = event.step.middle.estimate; middle < kNever)
      found.emplace_back(middle, event.kind.name);
  std::ranges::stable_sort(found, {}, [](const auto& each) { return each.first; });
  std::vector<std::string_view> names;
  for (const auto& [middle, name] : found) names.push_back(name);
  return names;
}

}  // namespace

Sample sample_of(std::vector<double> each) {
  std::vector<double> known = each;
  std::erase_if(known, [](double x) { return std::isnan(x); });
  return {std::move(each), bootstrap(known)};
}

const EventOfRuns* GroupEvents::find(std::string_view event) const {
  const auto at = std::ranges::find(events, event, [](const auto& e) { return e.kind.name; });
  return at == events.end() ? nullptr : &*at;
}

GroupEvents events_of_runs(std::string name, std::vector<GroupEvents::Run> runs) {
  GroupEvents out{std::move(name), std::move(runs), {}, {}, {}, {}};
  for (const RunEvents::Entry& entry : out.runs.front().events.entries)
    out.events.push_back(event_of_runs(out.runs, entry.kind));
  out.order = order_of(out.events);
  for (size_t i = 1; i < out.order.size(); ++i)
    out.lags.push_back(lag_of_runs(out.runs, out.order[i - 1], out.order[i]));
  out.together = lag_of_runs(out.runs, "enrichment", "value");
  for (size_t i = 0; i < out.runs.size(); ++i) {
    const double lag = out.together.steps.each[i];
    out.both += !std::isnan(lag);
    out.within += std::abs(lag) * kTogether <= static_cast<double>(out.runs[i].steps);
  }
  return out;
}

StudyEvents events_of(const std::vector<RunRecord>& records) {
  StudyEvents out;
  std::vector<std::pair<std::string, Runs>> groups;
  for (const RunRecord& run : records) {
    if (!run.log_has_checksum) out.unchecked.push_back(run.name);
    if (!run.events) {
      out.without.push_back(run.name);
      continue;
    }
    if (groups.empty() || groups.back().first != run.group) groups.push_back({run.group, {}});
    groups.back().second.push_back({run.seed, run.steps, *run.events});
  }
  for (auto& [name, runs] : groups) out.groups.push_back(events_of_runs(name, std::move(runs)));
  return out;
}

}  // namespace waiver
