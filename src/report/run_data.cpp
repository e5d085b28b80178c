#include "report/run_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/config.h"
#include "core/text/shell.h"
#include "probe/mechanism/mechanism.h"
#include "report/arrays.h"
#include "report/probe_data.h"
#include "run/story.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

std::string what_was_trained(const Config& c) {
  return fmt::format(
      "{} layer{} × {} head{}, width {}, context {}, position {}, normalizer {} · {} · {} steps of "
      "{} sequences, {} · seeds {} (init), {} (data)",
      c.model.layers, c.model.layers == 1 ? "" : "s", c.model.heads, c.model.heads == 1 ? "" : "s",
      c.model.width, c.model.context, c.model.position.name(), c.model.attention.normalizer.name(),
      c.data.name(), c.train.steps, c.train.batch, c.train.optimizer.name(), c.seed.init,
      c.seed.data);
}

// The series of a group that have no axis but the step: {steps, series: [{name, label, units,
// values}]}.
Json scalars(const Log& log, const std::string& group) {
  const std::vector<int64_t> steps = log.steps(group);
  if (steps.empty()) return nullptr;
  const std::vector<int64_t> shape{std::ssize(steps)};
  Json series = Json::array();
  for (const std::string& name : log.names(group)) {
    const SeriesSpec spec = log.spec(group, name);
    if (spec.axes != std::vector<std::string>{"step"}) continue;
    series.push_back({{"name", name},
                      {"label", spec.long_name},
                      {"units", spec.units},
                      {"description", spec.description},
                      {"values", exact_array(log.read(group, name).values, shape)}});
  }
  return {{"steps", whole_array(steps, shape)}, {"series", series}};
}

Json checkpoints(const RunPage& run) {
  Json out = Json::array();
  const fs::path base = fs::absolute(run.page).parent_path();
  for (const fs::path& place : list_checkpoints(run.folder / "checkpoints"))
    out.push_back({{"name", place.filename().string()},
                   {"link", fs::absolute(place).lexically_relative(base).string() + "/"}});
  return out;
}

std::vector<std::string> missing_parts(const Log& log, const Config& config) {
  std::vector<std::string> out;
  if (config.probe.every == 0)
    out.push_back("This run has no probes (probe.every: 0): nothing is known of its attention.");
  else if (log.steps("probe").empty())
    out.push_back("There is no probe in the log yet.");
  else if (log.steps("snapshot").empty())
    out.push_back("There are no attention maps: no step of probe.snapshots was reached.");
  if (log.steps("train").empty() && log.steps("eval").empty())
    out.push_back("There is no loss in the log: it is of a model that was looked at, not trained.");
  return out;
}

// What selects the waiver, or the command that finds out.
void add_selection(Json& out, const Config& config, const Story& story, const RunPage& run) {
  if (run.selection) {
    out["selected_by"] = selected_by_text(*run.selection);
    out["selection_of"] = fmt::format("{}, step {}", run.selection->key, run.selection->step);
  } else if (story.has_waiver() && run.state.empty() && refuse_mechanism(config.model).empty()) {
    out["ask"] = fmt::format("waiver probe {} --mechanism --all-checkpoints",
                             shell_word(run.folder.string()));
  }
}

}  // namespace

Json run_data(const Log& log, const RunPage& run) {
  const Config config = parse_config(log.config(), log.path().string());
  const fs::path whole = fs::absolute(run.folder).lexically_normal();
  Json out = {{"kind", "run"},
              {"name", (whole.has_filename() ? whole : whole.parent_path()).filename().string()},
              {"what", what_was_trained(config)},
              {"state", run.state},
              {"missing", missing_parts(log, config)},
              {"layers", config.model.layers},
              {"heads", config.model.heads},
              {"context", config.model.context},
              {"mask", config.model.attention.mask.name()}};
  if (const auto story = story_of(log, config.probe)) {
    out["sentence"] = sentence_of(*story);
    add_selection(out, config, *story, run);
    out["story"] = story_data(log, *story);
    out["strongest"] = strongest_data(log);
    out["positions"] = position_data(log);
    out["position_names"] = log.has("probe", "position_name")
                                ? log.strings("probe", "position_name")
                                : std::vector<std::string>();
  } else {
    out["sentence"] = log.steps("probe").empty()
                          ? "Nothing is known of a waiver element yet."
                          : "No waiver element: in this model no query attends to another token.";
  }
  out["snapshots"] = snapshot_data(log);
  for (const char* group : {"train", "eval", "probe", "timing"}) out[group] = scalars(log, group);
  out["checkpoints"] = checkpoints(run);
  out["config"] = log.config();
  return out;
}

}  // namespace waiver
