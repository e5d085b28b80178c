#include "inspect/intervene.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "probe/prober.h"
#include "probe/shares.h"
#include "run/run_log.h"

namespace waiver {
namespace {

Effects::Values copy(const Prober& prober) {
  Effects::Values out;
  for (const auto& [name, numbers] : prober.values()) out.push_back(*numbers);
  return out;
}

// A position with two names would be compared with itself.
void check_distinct(const PositionNames& positions, const std::string& path) {
  for (const auto& [a, at] : positions)
    for (const auto& [b, other] : positions)
      if (a < b && at == other)
        throw UsageError(path, fmt::format("the positions {} and {} are both {}", a, b, at),
                         fmt::format("Choose another with positions.{}=N.", a == kWaiver ? b : a));
}

void find_waiver(Effects& effects, const InterventionSpec& spec) {
  if (!effects.positions.contains(kWaiver)) {
    if (!effects.strongest)
      throw UsageError(spec.path,
                       "no query of this model sees another token, so there is no waiver to find",
                       "Choose a position with positions.waiver=N.");
    effects.positions[kWaiver] = effects.strongest->key;
  }
  check_distinct(effects.positions, spec.path);
}

template <class T>
void set(Log& log, const std::string& name, const std::vector<std::string>& axes,
         const std::string& meaning, const std::vector<T>& values) {
  log.set({"spec", name, axes, "1", name, meaning}, std::span<const T>(values));
}

void write_spec(Log& log, const SavedModel& saved, const InterventionSpec& spec,
                const Effects& effects) {
  std::vector<std::string> arms, names;
  std::vector<int64_t> positions;
  for (const InterventionArm& arm : spec.arms) arms.push_back(arm.name);
  for (const auto& [name, position] : effects.positions) {
    names.push_back(name);
    positions.push_back(position);
  }
  set<std::string>(log, "text", {}, "the file that was run", {spec.text});
  set<std::string>(log, "checkpoint", {}, "the model that was changed",
                   {saved.checkpoint.string()});
  set<int64_t>(log, "updates", {}, "made to the weights of that model", {saved.step});
  set(log, "arm_name", {"arm"}, "the names of the arms", arms);
  set(log, "position_name", {"named"}, "names that edits use for positions", names);
  set(log, "position", {"named"}, "the positions of these names", positions);
}

}  // namespace

const std::vector<float>& Effects::of(const Values& values, std::string_view name) const {
  return values[std::ranges::find(series, name, &SeriesSpec::name) - series.begin()];
}

Reading reading_for(const InterventionSpec& spec) {
  Reading reading{.measures = true};
  for (const InterventionArm& arm : spec.arms) reading.arms.push_back(arm.edits);
  return reading;
}

Effects measure_effects(const SavedModel& saved, const InterventionSpec& spec) {
  const ModelConfig& model = saved.config.model;
  Prober prober(*saved.model, *saved.data, saved.config.probe,
                static_cast<uint64_t>(saved.config.seed.data));
  Effects effects{prober.series(), spec.positions};
  prober.measure();
  effects.natural = copy(prober);
  const std::vector<float>& alpha = prober.value(as_shares(
      "received_attention", [&](const std::string& name) { return prober.find(name) != nullptr; }));
  std::vector<float> visibility = prober.key_visibility();
  // Edits need a position that every sequence has.
  for (size_t i = 0; i < visibility.size(); ++i)
    if (static_cast<int64_t>(i) % model.context >= std::ranges::min(prober.lengths()))
      visibility[i] = 0;
  effects.strongest = strongest_waiver(waiver_places(
      std::vector<double>(alpha.begin(), alpha.end()),
      std::vector<double>(visibility.begin(), visibility.end()), model.layers, model.heads));
  find_waiver(effects, spec);
  for (const InterventionArm& arm : spec.arms) try {
      Edits edits(arm.edits, model, model.context, effects.positions);
      prober.measure(false, &edits);
      effects.arms.push_back(copy(prober));
    } catch (const UsageError& error) {  // of an edit, whose place in the spec is better known here
      throw UsageError(fmt::format("{}: arms.{}.{}", spec.path, arm.name, error.where()),
                       error.problem());
    }
  return effects;
}

void write_effects(const std::filesystem::path& path, const SavedModel& saved,
                   const InterventionSpec& spec, const Effects& effects) {
  Log::Axes axes = log_axes(saved.config, *saved.data);
  axes["arm"] = std::ssize(effects.arms);
  axes["named"] = std::ssize(effects.positions);
  Log log = Log::create(path, axes, to_yaml(saved.config));
  write_spec(log, saved, spec, effects);
  for (size_t i = 0; i < effects.series.size(); ++i) {
    SeriesSpec series = effects.series[i];
    series.group = "natural";
    log.set(series, std::span<const float>(effects.natural[i]));
    std::vector<float> all;
    for (const Effects::Values& arm : effects.arms)
      all.insert(all.end(), arm[i].begin(), arm[i].end());
    series.group = "arms";
    series.axes.insert(series.axes.begin(), "arm");
    log.set(series, std::span<const float>(all));
  }
  log.flush();
}

}  // namespace waiver
