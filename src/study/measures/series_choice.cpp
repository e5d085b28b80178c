#include "study/measures/series_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "config/scalar.h"
#include "config/suggest.h"
#include "core/statistics/order.h"
#include "probe/mechanism/series.h"
#include "probe/metrics/metric.h"
#include "probe/roles.h"
#include "run/events.h"
#include "run/run_log.h"

namespace waiver {
namespace {

constexpr char kMechanism[] = "mechanism", kStrongest[] = "strongest";
constexpr std::string_view kReductions[] = {"max", "min", "mean"};
// Their entries are numbers; those of all other axes have names.
constexpr std::string_view kNumbered[] = {"layer", "head", "position", "query", "key", "added"};

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// The series that training logs, without those of /timing, which differ from run to run.
const std::vector<SeriesSpec>& known_series() {
  static const std::vector<SeriesSpec> all = [] {
    std::vector<SeriesSpec> out;
    for (const SeriesSpec& spec : training_series(*Config{}.train.objective))
      if (spec.group != "timing") out.push_back(spec);
    for (const RegisteredMetric& metric : metrics()) {
      if (metric.when == When::on_demand) continue;
      for (SeriesSpec spec : metric.make()->series()) {
        spec.group = "probe";
        out.push_back(std::move(spec));
      }
    }
    for (const SeriesSpec& spec : mechanism_series()) out.push_back(spec);
    return out;
  }();
  return all;
}

const std::vector<std::string>& known_axes() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> out;
    for (const SeriesSpec& spec : known_series())
      for (const std::string& axis : spec.axes)
        if (std::ranges::find(out, axis) == out.end()) out.push_back(axis);
    return out;
  }();
  return all;
}

std::string full_name(const SeriesSpec& spec) { return spec.group + "/" + spec.name; }

std::string series_hint(const std::string& series) {
  std::vector<std::string> names, same;
  for (const SeriesSpec& spec : known_series()) {
    names.push_back(full_name(spec));
    if (spec.name == series && std::ranges::find(same, names.back()) == same.end())
      same.push_back(names.back());
  }
  if (!same.empty()) return did_you_mean(same);
  std::vector<Choice> choices;
  for (const std::string& name : names) choices.push_back({name, ""});
  const std::string nearest = nearest_choice(choices, series);
  return nearest.empty() ? "waiver probe --list shows the series of /probe." : nearest;
}

std::optional<int64_t> number_of(const std::string& text) {
  int64_t number = 0;
  if (parse_number(text, number) != std::errc()) return {};
  return number;
}

// What an axis takes.
std::string allowed_at(const std::string& axis) {
  if (axis == "added") return "a number, max, min or mean";
  return contains(kNumbered, axis) ? "a number, strongest, max, min or mean"
                                   : "a name, a number, max, min or mean";
}

// What is wrong with the name of a role; those of other axes are known once there is a log.
std::string refuse_name(const std::string& axis, const std::string& name, const Config& config) {
  const bool of_keys = axis == "key_role";
  if (!of_keys && axis != "query_role") return {};
  const auto names_of = [&](const Dataset& data) {
    return of_keys ? key_role_names(data) : query_role_names(data);
  };
  std::vector<std::string> names = names_of(*config.data);
  if (std::ranges::find(names, name) != names.end()) return {};
  names = names_of(*open_data(config));  // some have names from files
  if (std::ranges::find(names, name) != names.end()) return {};
  return fmt::format("expected {}, found \"{}\"", join_or(names), name);
}

// What is wrong with the entry of an axis; empty: nothing.
std::string refuse(const std::string& axis, const std::string& entry, const Config& config) {
  if (contains(kReductions, entry)) return {};
  if (entry == kStrongest && contains(kNumbered, axis) && axis != "added") return {};
  const auto number = number_of(entry);
  if (!number)
    return contains(kNumbered, axis)
               ? fmt::format("expected {}, found \"{}\"", allowed_at(axis), entry)
               : refuse_name(axis, entry, config);
  const Log::Axes sizes = log_axes(config, *config.data);
  const auto size = sizes.find(axis);
  if (*number >= 0 && (size == sizes.end() || *number < size->second)) return {};
  if (size == sizes.end()) return fmt::format("expected {}, found {}", allowed_at(axis), entry);
  return fmt::format("the runs have {} entries on this axis, 0 to {}, found {}", size->second,
                     size->second - 1, entry);
}

// The names of an axis's entries, which are data of the log called AXIS_name; none where it has
// none.
std::vector<std::string> entry_names(const Log& log, const std::string& axis) {
  for (const std::string& group : log.groups())
    if (log.has(group, axis + "_name")) return log.strings(group, axis + "_name");
  return {};
}

int64_t strongest_entry(const Log& log, const std::string& axis) {
  const auto place = strongest_waiver(log);
  if (!place) throw Undefined("the run has no attention, or no probes, and so no strongest waiver");
  if (axis == "layer") return place->layer;
  if (axis == "head") return place->head;
  if (place->role >= 0)
    throw Undefined(
        fmt::format("the strongest waiver, {}, is at no position of its own", place->role_name));
  return place->key;
}

int64_t find_entry(const RunLogs& run, const Log& log, const std::string& axis, int64_t size,
                   const std::string& entry) {
  if (entry == kStrongest) return strongest_entry(run.log, axis);
  std::optional<int64_t> number = number_of(entry);
  if (!number) {
    const std::vector<std::string> names = entry_names(log, axis);
    const auto at = std::ranges::find(names, entry);
    if (at == names.end())
      throw Undefined(names.empty() ? fmt::format("the entries of the axis {} have no names", axis)
                                    : fmt::format("the axis {} has no entry {}, only {}", axis,
                                                  entry, fmt::join(names, ", ")));
    number = at - names.begin();
  }
  if (*number >= size)
    throw Undefined(fmt::format("the axis {} has {} entries, and none at {}", axis, size, *number));
  return *number;
}

double reduced(std::span<const double> all, const std::string& how) {
  std::vector<double> defined;
  for (const double x : all)
    if (!std::isnan(x)) defined.push_back(x);
  if (defined.empty()) return NAN;
  if (how == "max") return std::ranges::max(defined);
  if (how == "min") return std::ranges::min(defined);
  return mean(defined);
}

struct Opened {
  const Log& log;
  SeriesSpec spec;
  Log::Data data;
};
Opened open_series(const RunLogs& run, const std::string& series) {
  const auto [group, name] = split_series(series);
  const Log& log = run.holding(group);
  const auto steps = log.steps(group);
  if (!log.has(group, name)) throw Undefined(fmt::format("the run has no series {}", series));
  if (steps.empty()) throw Undefined(fmt::format("the run has no rows of {}", series));
  return {log, log.spec(group, name), log.read(group, name)};
}

}  // namespace

const Log& RunLogs::holding(const std::string& group) const {
  if (group != kMechanism || !log.steps(group).empty()) return log;
  if (!mechanism)
    throw Undefined(
        "the run's log has no series of /mechanism (probe.mechanism), and it has no mechanism.h5 "
        "(waiver probe RUN --mechanism --all-checkpoints)");
  if (const auto steps = mechanism->steps(group);
      steps.empty() || steps.back() < config.train.steps)
    throw Undefined(fmt::format(
        "mechanism.h5 ends before the run, at step {}: ask anew, with waiver probe RUN --mechanism "
        "--all-checkpoints",
        steps.empty() ? 0 : steps.back()));
  return *mechanism;
}

std::pair<std::string, std::string> split_series(const std::string& series) {
  const size_t slash = std::min(series.find('/'), series.size());
  return {series.substr(0, slash), series.substr(std::min(slash + 1, series.size()))};
}

const SeriesSpec* check_series(const std::string& series, const std::string& key,
                               const Config& config, const Complain& complain) {
  const auto [group, name] = split_series(series);
  if (series.empty()) return nullptr;
  const auto at = std::ranges::find(known_series(), series, full_name);
  if (at == known_series().end()) {
    if (group == "timing")
      complain(key, "times differ from run to run, so nothing is claimed of them", "");
    else
      complain(key, fmt::format("no run logs a series \"{}\"", series), series_hint(series));
    return nullptr;
  }
  if (group == "probe") check_probed(key, config, complain);
  if (std::ranges::find(at->axes, "added") != at->axes.end() && config.model.added_keys() == 0)
    complain(key, "the runs have no added keys", "Set model.sink_tokens or model.attention.slot.");
  return &*at;
}

void check_evaluated(const std::string& series, const std::string& key, const Config& config,
                     const Complain& complain) {
  if (split_series(series).first == "eval" && config.train.eval.every == 0)
    complain(key, "the runs are evaluated at their end alone", "Set train.eval.every above 0.");
}

void require_rows_of_onset(size_t rows) {
  if (rows < kPersistence)
    throw Undefined(fmt::format("an onset needs {} rows, and there {} {}", kPersistence,
                                rows == 1 ? "is" : "are", rows));
}

void SeriesChoice::visit(FieldVisitor& v) {
  v.field(
      Field{"series",
            "a series of the log, GROUP/NAME, of /probe, /train, /eval or /mechanism, which may "
            "also be in mechanism.h5"}
          .must_be_given(),
      series_);
  v.visit({"at", "an entry for each of its axes"}, BlockRef{[this](FieldVisitor& inner) {
            for (const std::string& axis : known_axes())
              inner.field({axis, "a number or name, strongest, max, min or mean"}, at_[axis]);
          }});
}

void SeriesChoice::check(const Config& config, const Complain& complain) const {
  const SeriesSpec* spec = check_series(series_, "series", config, complain);
  if (!spec) return;
  for (const std::string& axis : spec->axes)
    if (const auto at = at_.find(axis); at == at_.end() || at->second.empty())
      complain("at", fmt::format("{} has the axis {}, for which there is no entry", series_, axis),
               fmt::format("Give at.{}: {}.", axis, allowed_at(axis)));
  for (const auto& [axis, entry] : at_) {
    if (entry.empty()) continue;
    if (std::ranges::find(spec->axes, axis) == spec->axes.end())
      complain("at." + axis, fmt::format("{} has no such axis", series_),
               spec->axes.empty() ? "It is one number a row."
                                  : fmt::format("Its axes: {}.", fmt::join(spec->axes, ", ")));
    else if (const std::string what = refuse(axis, entry, config); !what.empty())
      complain("at." + axis, what, "");
  }
}

void SeriesChoice::check_over_steps(const Config& config, const Complain& complain) const {
  check(config, complain);
  check_evaluated(series_, "series", config, complain);
}

Curve SeriesChoice::of(const RunLogs& run) const {
  auto [log, spec, data] = open_series(run, series_);
  std::vector<double> x = std::move(data.values);
  for (size_t axis = spec.axes.size(); axis-- > 1;) {  // axis 0 is the step
    const std::string& name = spec.axes[axis];
    const int64_t n = data.shape[axis];
    const auto given = at_.find(name);
    if (given == at_.end() || given->second.empty())
      throw Undefined(
          fmt::format("{} has the axis {}, for which there is no entry", series_, name));
    const std::string& entry = given->second;
    const bool reduces = contains(kReductions, entry);
    const int64_t place = reduces ? 0 : find_entry(run, log, name, n, entry);
    std::vector<double> fewer;
    for (int64_t begin = 0; begin < std::ssize(x); begin += n)
      fewer.push_back(reduces ? reduced(std::span(x).subspan(begin, n), entry) : x[begin + place]);
    x = std::move(fewer);
  }
  return {log.steps(spec.group), std::move(x)};
}

Curve read_curve(const RunLogs& run, const std::string& series) {
  auto [log, spec, data] = open_series(run, series);
  if (spec.axes.size() != 1)
    throw Undefined(fmt::format("{} is more than one number a row", series));
  return {log.steps(spec.group), std::move(data.values)};
}

void Crossing::visit(FieldVisitor& v) {
  v.field({"above", "the threshold to rise above; either this or below"}, above_);
  v.field({"below", "the threshold to fall below"}, below_);
}

void Crossing::check(const Complain& complain) const {
  if (std::isnan(above_) && std::isnan(below_))
    complain("", "the threshold is missing", "Give either above or below.");
  if (!std::isnan(above_) && !std::isnan(below_))
    complain("below", "above is given already", "Give either above or below.");
}

}  // namespace waiver
