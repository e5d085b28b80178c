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

Json numbers(const std::vector<double>& all) {
  Json out = Json::array();
  for (const double x : all) out.push_back(json_plain_number(x));
  return out;
}

Json sample(const Sample& s) {
  return {{"each", numbers(s.each)},
          {"median", json_plain_number(s.middle.estimate)},
          {"low", json_plain_number(s.middle.low)},
          {"high", json_plain_number(s.middle.high)}};
}

Json event(const EventOfRuns& e) {
  return {{"quantity", e.kind.series},
          {"side", e.kind.side == Side::above ? "above" : "below"},
          {"threshold", e.kind.threshold},
          {"step", sample(e.step)},
          {"before", numbers(e.before)},
          {"after", numbers(e.after)},
          {"change_step", sample(e.change_step)},
          {"change_size", sample(e.change_size)},
          {"change_explained", numbers(e.change_explained)}};
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
    Json place = {{"layer", at.layer}, {"head", at.head}, {"key", at.key}};
    if (at.role >= 0) place["role"] = at.role_name;
    out["place"].push_back(place);
    const int64_t layer = run.events.onset_layer;
    out["onset_layer"].push_back(layer < 0 ? Json() : Json(layer));
  }
  for (const EventOfRuns& e : group.events) out["events"][std::string(e.kind.name)] = event(e);
  out["order"] = group.order;
  out["lags"] = Json::array();
  for (const Lag& lag : group.lags)
    out["lags"].push_back({{"from", lag.from}, {"to", lag.to}, {"lag", sample(lag.steps)}});
  out["value_after_enrichment"] = {
      {"lag", sample(group.together.steps)}, {"both", group.both}, {"within", group.within}};
  return out;
}

std::string step_text(double step, bool sign = false) {
  if (!std::isfinite(step)) return "never";
  return sign ? fmt::format("{:+.0f}", step) : fmt::format("{:.0f}", step);
}

// The median, and for several numbers its interval.
std::string cell(const Sample& s, bool sign = false) {
  const auto& [median, low, high] = s.middle;
  const std::string text = step_text(median, sign);
  const auto known = std::ranges::count_if(s.each, [](double x) { return !std::isnan(x); });
  if (known < 2 || std::isinf(low)) return text;
  return fmt::format("{} [{}, {}]", text, step_text(low, sign), step_text(high, sign));
}

std::string order_text(const GroupEvents& group) {
  if (group.order.empty()) return "none";
  std::string text(group.order.front());
  for (const Lag& lag : group.lags)
    text += fmt::format(" → {} {}", lag.to, step_text(lag.steps.middle.estimate, true));
  return text;
}

std::string together_text(const GroupEvents& group) {
  if (group.both == 0) return "–";
  return fmt::format("{}; {} of {}", cell(group.together.steps, true), group.within, group.both);
}

std::vector<Cell> row_of(const GroupEvents& group) {
  std::vector<Cell> row = {group.name};
  for (const EventKind& kind : event_kinds({})) {
    const EventOfRuns* event = group.find(kind.name);
    row.emplace_back(event ? cell(event->step) : "–");
  }
  std::vector<std::string> layers;
  for (const GroupEvents::Run& run : group.runs)
    layers.push_back(run.events.onset_layer < 0 ? "–" : std::to_string(run.events.onset_layer));
  row.emplace_back(fmt::format("{}", fmt::join(layers, " ")));
  row.emplace_back(order_text(group));
  row.emplace_back(together_text(group));
  return row;
}

// What the events are: every threshold that a run of the study has.
std::string legend(const StudyEvents& events) {
  std::vector<std::string> parts;
  for (const GroupEvents& group : events.groups)
    for (const EventOfRuns& event : group.events) {
      const EventKind& kind = event.kind;
      const std::string part =
          fmt::format("{}: {} {} {}", kind.name, kind.series,
                      kind.side == Side::above ? "above" : "below", kind.threshold);
      if (std::ranges::find(parts, part) == parts.end()) parts.push_back(part);
    }
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string explanation() {
  return fmt::format(
      "First step with the quantity across its threshold for {} probes in a row, at the head and "
      "key with the most attention at the end: median [{:.0f} % bootstrap interval] over the runs.",
      kPersistence, 100 * kLevel);
}

constexpr char kLagsExplained[] =
    "Onset layer: of each run. Order: of the events that came in most runs, by their medians. "
    "Lags: medians over the runs that have both, negative where these came the other way round. "
    "Value − enrichment: the lag, and in how many of the runs with both it is at most a tenth of "
    "the run.";

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

std::string to_table(const StudyEvents& events, int64_t width) {
  std::string text;
  if (!events.groups.empty()) {
    std::vector<Cell> heading = {"events"};
    for (const EventKind& kind : event_kinds({})) heading.emplace_back(kind.name);
    for (const char* name : {"onset layer", "order, with lags", "value − enrichment"})
      heading.emplace_back(name);
    Table table{std::vector<Column>(heading.size(), {.wraps = true}), {heading}, 0, true};
    for (const GroupEvents& group : events.groups) table.rows.push_back(row_of(group));
    text = to_text(table, width);
    text += "\n" + folded(explanation(), width) + folded(legend(events) + ".", width) +
            folded(kLagsExplained, width);
  }
  if (!events.without.empty())
    text += folded(fmt::format("No events, for want of probes or of attention: {}.",
                               fmt::join(events.without, ", ")),
                   width);
  if (!events.unchecked.empty())
    text +=
        folded(fmt::format("Logs without a checksum, so that damage in them goes unnoticed: {}.",
                           fmt::join(events.unchecked, ", ")),
               width);
  return text;
}

void report_events(const StudyEvents& events, const std::filesystem::path& folder) {
  write_atomically(folder / "events.json", to_json(events));
  print_progress("\n" + to_table(events, terminal_width()));
}

}  // namespace waiver
