#include "run/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/shares.h"

namespace waiver {
namespace {

// The index of a place's number in a row of a series, by the axes of the series.
int64_t index_of(const Log& log, const std::string& series, const WaiverPlace& at) {
  int64_t index = 0;
  for (const std::string& axis : log.spec("probe", series).axes) {
    if (axis == "step") continue;
    const int64_t here = axis == "layer"        ? at.layer
                         : axis == "head"       ? at.head
                         : axis == "query_role" ? 0  // all of them
                         : axis == "key_role"   ? at.role
                         : axis == "added"      ? at.added
                                                : at.key;
    index = index * log.axes().at(axis) + here;
  }
  return index;
}

// The one of the same quantity by added keys.
std::string series_of_added(const std::string& series) {
  return series == "received_attention" ? "added_attention" : "added_" + series;
}

int64_t find_onset_layer(const Log& log, ProbeValues& probe, const WaiverPlace& at,
                         double threshold) {
  const std::vector<int64_t> steps = log.steps("probe");
  for (int64_t l = 0; l < log.axes().at("layer"); ++l)
    for (int64_t h = 0; h < log.axes().at("head"); ++h)
      if (const WaiverPlace here{l, h, at.key, 0, at.role};
          find_onset(steps, probe.at("received_attention", here), threshold).step >= 0)
        return l;
  return -1;
}

// A number of each event, along the axis `event`.
template <class T, class F>
void write_column(Log& log, const std::string& name, const std::string& units,
                  const std::string& text, const RunEvents& events, T missing, const F& value) {
  std::vector<T> column;
  for (const EventKind& kind : event_kinds({})) {
    const Event* event = events.find(kind.name);
    column.push_back(event ? value(*event) : missing);
  }
  log.set({"summary", name, {"event"}, units, name, text}, std::span<const T>(column));
}

void write_place(Log& log, const std::string& name, const std::string& text, int64_t value) {
  log.set({"summary", name, {}, "1", name, text}, std::span<const int64_t>(&value, 1));
}

int64_t order_of(const RunEvents& events, int64_t step) {
  if (step < 0) return -1;
  return std::ranges::count_if(events.entries, [&](const RunEvents::Entry& other) {
    return other.event.onset.step >= 0 && other.event.onset.step < step;
  });
}

}  // namespace

std::string ProbeValues::name_of(const std::string& series) const {
  return as_shares(series, [&](const std::string& name) { return has(name); });
}

const Log::Data& ProbeValues::all(const std::string& series) {
  const std::string name = name_of(series);
  const auto [at, fresh] = read_.try_emplace(name);
  if (fresh) at->second = log_.read_rows("probe", name, first_, std::ssize(log_.steps("probe")));
  return at->second;
}

std::vector<double> ProbeValues::at(const std::string& series, const WaiverPlace& place) {
  const std::string by_role = "role_" + series;
  const std::string name = place.added >= 0                  ? series_of_added(series)
                           : place.role >= 0 && has(by_role) ? by_role
                                                             : series;
  return all(name).over_rows(index_of(log_, name_of(name), place));
}

std::vector<WaiverPlace> waiver_places(const Log& log) {
  const int64_t rows = std::ssize(log.steps("probe"));
  if (rows == 0) return {};
  return waiver_places(ProbeValues(log, rows - 1).all("received_attention").values,
                       log.read("probe", "key_visibility").values, log.axes().at("layer"),
                       log.axes().at("head"));
}

std::optional<WaiverPlace> strongest_waiver(const Log& log) {
  const auto place = strongest_waiver(waiver_places(log));
  const std::string by_role = "role_received_attention";
  if (!log.has("probe", by_role) || !log.has("roles", "key_role_name")) return place;
  const int64_t rows = std::ssize(log.steps("probe"));
  const auto role = stronger_role(place, log.read_rows("probe", by_role, rows - 1, rows).values,
                                  log.strings("roles", "key_role_name"), log.axes().at("layer"),
                                  log.axes().at("head"));
  return role ? role : place;
}

const Event* RunEvents::find(std::string_view name) const {
  for (const Entry& entry : entries)
    if (entry.kind.name == name) return &entry.event;
  return nullptr;
}

std::optional<int64_t> RunEvents::step(std::string_view name) const {
  const Event* event = find(name);
  if (!event || event->onset.step < 0) return {};
  return event->onset.step;
}

std::optional<RunEvents> find_events(const Log& log, const ProbeConfig& config) {
  const auto at = strongest_waiver(log);
  if (!at) return {};
  RunEvents events;
  events.at = *at;
  ProbeValues probe(log);
  events.onset_layer = find_onset_layer(log, probe, *at, config.waiver.received_attention);
  const std::vector<int64_t> steps = log.steps("probe");
  for (const EventKind& kind : event_kinds(config)) {
    const std::string series(kind.series);
    if (!probe.has(series)) continue;
    events.entries.push_back({kind, find_event(kind, steps, probe.at(series, *at))});
  }
  return events;
}

void write_events(Log& log, const ProbeConfig& config) {
  const auto events = find_events(log, config);
  if (!events) return;
  write_place(log, "strongest_layer", "layer of the head and key with the most attention",
              events->at.layer);
  write_place(log, "strongest_head", "that head", events->at.head);
  write_place(log, "strongest_key", "that key; −1: it is that of a role", events->at.key);
  write_place(log, "strongest_role", "the entry of key_role of that key; −1: it is a position",
              events->at.role);
  write_place(log, "onset_layer",
              "first layer with a head whose received attention of strongest_key rose above the "
              "threshold to stay; −1: none",
              events->onset_layer);
  std::vector<std::string> names;
  for (const EventKind& kind : event_kinds(config)) names.emplace_back(kind.name);
  log.set({"summary", "event_name", {"event"}, "1", "event", "what the places of the axis mean"},
          std::span<const std::string>(names));

  const std::string never = "; −1: never, or the task has no such quantity";
  write_column(log, "event_step", "step",
               fmt::format("first step with the quantity across its threshold, at the strongest "
                           "head and key, for {} probes in a row{}",
                           kPersistence, never),
               *events, int64_t{-1}, [](const Event& e) { return e.onset.step; });
  write_column(log, "event_before", "1", "the quantity one probe earlier", *events, double{NAN},
               [](const Event& e) { return e.onset.before; });
  write_column(log, "event_after", "1", "the quantity at that step", *events, double{NAN},
               [](const Event& e) { return e.onset.after; });
  write_column(log, "event_order", "1", "place in time, 0 first; equals share one" + never, *events,
               int64_t{-1}, [&](const Event& e) { return order_of(*events, e.onset.step); });
  const auto reference = events->step("enrichment");
  write_column(log, "event_lag", "step",
               "its step − that of enrichment; NaN where either never came", *events, double{NAN},
               [&](const Event& e) {
                 const int64_t step = e.onset.step;
                 return reference && step >= 0 ? static_cast<double>(step - *reference) : NAN;
               });
  write_column(log, "event_change_step", "step",
               "first step after the change point: the split into two constants with the smallest "
               "squared error; −1: nothing changed",
               *events, int64_t{-1}, [](const Event& e) { return e.change.step; });
  write_column(log, "event_change_size", "1", "mean after it − mean before it", *events,
               double{NAN}, [](const Event& e) { return e.change.size; });
  write_column(log, "event_change_explained", "1",
               "share of the variance that the two constants explain", *events, double{NAN},
               [](const Event& e) { return e.change.explained; });
}

}  // namespace waiver
