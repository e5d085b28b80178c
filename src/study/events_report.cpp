#include "study/events_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/files/files.h"
#include "core/files/json.h"
#include "core/output.h"
#include "core/text/table.h"

namespace waiver {
namespace {

// What never came is null; steps are whole numbers.
Json number(double x) {
  return std::isfinite(x) && x == std::floor(x) ? Json(static_cast<int64_t>(x)) : json_number(x);
}

Json numbers(const std::vector<double>& all) {
  Json out = Json::array();
  for (const double x : all) out.push_back(number(x));
  return out;
}

Json sample(const Sample& s) {
  return {{"each", numbers(s.each)},
          {"median", number(s.middle.median)},
          {"low", number(s.middle.low)},
          {"high", number(s.middle.high)}};
}

// One number of an event, of every run.
template <class F>
std::vector<double> of_runs(const GroupEvents& group, std::string_view name, const F& f) {
  std::vector<double> out;
  for (const GroupEvents::Run& run : group.runs) {
    const Event* event = run.events.find(name);
    out.push_back(event ? static_cast<double>(f(*event)) : NAN);
  }
  return out;
}

Json event(const GroupEvents& group, const EventKind& kind) {
  const auto all = [&](const auto& f) { return of_runs(group, kind.name, f); };
  return {{"quantity", kind.series},
          {"side", kind.side == Side::above ? "above" : "below"},
          {"threshold", kind.threshold},
          {"step", sample(group.steps(kind.name))},
          {"before", numbers(all([](const Event& e) { return e.onset.before; }))},
          {"after", numbers(all([](const Event& e) { return e.onset.after; }))},
          // A quantity that never changed has no step of change, and a change of nothing.
          {"change_step", sample(sample_of(all([](const Event& e) {
             return e.change.step < 0 ? NAN : static_cast<double>(e.change.step);
           })))},
          {"change_size", sample(sample_of(all([](const Event& e) { return e.change.size; })))},
          {"change_explained", numbers(all([](const Event& e) { return e.change.explained; }))}};
}

Json of_group(const GroupEvents& group) {
  Json out = {{"group", group.name},
              {"seeds", Json::array()},
              {"run_steps", Json::array()},
              {"place", Json::array()},
              {"onset_layer", Json::array()}};
  for (const GroupEvents::Run& run : group.runs) {
    const WaiverPlace& at = run.events.at;
    out["seeds"].push_back(run.seed);
    out["run_steps"].push_back(run.steps);
    out["place"].push_back({{"layer", at.layer}, {"head", at.head}, {"key", at.key}});
    const int64_t layer = run.events.onset_layer;
    out["onset_layer"].push_back(layer < 0 ? Json() : Json(layer));
  }
  for (const RunEvents::Entry& entry : group.runs.front().events.entries)
    out["events"][std::string(entry.kind.name)] = event(group, entry.kind);
  const auto order = group.order();
  out["order"] = order;
  out["lags"] = Json::array();
  for (size_t i = 1; i < order.size(); ++i)
    out["lags"].push_back({{"from", order[i - 1]},
                           {"to", order[i]},
                           {"lag", sample(group.lag(order[i - 1], order[i]))}});
  const auto [both, within] = group.together();
  out["value_after_enrichment"] = {
      {"lag", sample(group.lag("enrichment", "value"))}, {"both", both}, {"within", within}};
  return out;
}

std::string step_text(double step, bool sign = false) {
  if (!std::isfinite(step)) return "never";
  return sign ? fmt::format("{:+.0f}", step) : fmt::format("{:.0f}", step);
}

// The median, and of several numbers its interval.
std::string cell(const Sample& s, bool sign = false) {
  const auto& [median, low, high] = s.middle;
  const std::string text = step_text(median, sign);
  const auto known = std::ranges::count_if(s.each, [](double x) { return !std::isnan(x); });
  if (known < 2 || std::isinf(low)) return text;
  return fmt::format("{} [{}, {}]", text, step_text(low, sign), step_text(high, sign));
}

std::string order_text(const GroupEvents& group) {
  std::string text;
  std::string_view before;
  for (const std::string_view name : group.order()) {
    text += text.empty() ? std::string(name)
                         : fmt::format(" → {} {}", name,
                                       step_text(group.lag(before, name).middle.median, true));
    before = name;
  }
  return text.empty() ? "none" : text;
}

std::string together_text(const GroupEvents& group) {
  const auto [both, within] = group.together();
  if (both == 0) return "–";
  return fmt::format("{}; {} of {}", cell(group.lag("enrichment", "value"), true), within, both);
}

using Row = std::vector<std::string>;

Row row_of(const GroupEvents& group) {
  Row row = {group.name};
  for (const EventKind& kind : event_kinds({}))
    row.push_back(group.has(kind.name) ? cell(group.steps(kind.name)) : "–");
  Row layers;
  for (const GroupEvents::Run& run : group.runs)
    layers.push_back(run.events.onset_layer < 0 ? "–" : std::to_string(run.events.onset_layer));
  row.push_back(fmt::format("{}", fmt::join(layers, " ")));
  row.push_back(order_text(group));
  row.push_back(together_text(group));
  return row;
}

// What the events are: every threshold that a run of the study has.
std::string legend(const StudyEvents& events) {
  Row parts;
  for (const GroupEvents& group : events.groups)
    for (const auto& [kind, event] : group.runs.front().events.entries) {
      const std::string part =
          fmt::format("{}: {} {} {}", kind.name, kind.series,
                      kind.side == Side::above ? "above" : "below", kind.threshold);
      if (std::ranges::find(parts, part) == parts.end()) parts.push_back(part);
    }
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

std::string to_json(const StudyEvents& events) {
  Json groups = Json::array();
  for (const GroupEvents& group : events.groups) groups.push_back(of_group(group));
  const Json all = {{"persistence", kPersistence},
                    {"level", kLevel},
                    {"resamples", kResamples},
                    {"groups", groups}};
  return json_lines(all);
}

std::string to_table(const StudyEvents& events) {
  std::string text;
  if (!events.groups.empty()) {
    Row head = {"events"};
    for (const EventKind& kind : event_kinds({})) head.emplace_back(kind.name);
    for (const char* name : {"onset layer", "order, with lags", "value − enrichment"})
      head.emplace_back(name);
    std::vector<Row> rows = {head};
    for (const GroupEvents& group : events.groups) rows.push_back(row_of(group));
    text = aligned(rows);
    text += fmt::format(
        "\nFirst step with the quantity across its threshold for {} probes in a row, at the head "
        "and key with\nthe most attention at the end: median [{:.0f} % bootstrap interval] over "
        "the runs.\n{}.\nOnset layer: of each run. Order: of the events that came in most runs, "
        "by their medians. Lags: medians over the runs\nthat have both, negative where these came "
        "the other way round. Value − enrichment: the lag, and in how many of the\nruns with both "
        "it is at most a tenth of the run.\n",
        kPersistence, 100 * kLevel, legend(events));
  }
  if (!events.without.empty())
    text += fmt::format("No events, for want of probes or of attention: {}.\n",
                        fmt::join(events.without, ", "));
  if (!events.unchecked.empty())
    text += fmt::format("Logs without a checksum, so that damage in them goes unnoticed: {}.\n",
                        fmt::join(events.unchecked, ", "));
  return text;
}

void report_events(const Study& study, const std::filesystem::path& folder) {
  const StudyEvents events = find_events(study, folder);
  write_atomically(folder / "events.json", to_json(events));
  print_progress("\n" + to_table(events));
}

}  // namespace waiver
