#include "report/run_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/config.h"
#include "core/files/files.h"
#include "core/text/shell.h"
#include "probe/mechanism/mechanism.h"
#include "report/arrays.h"
#include "report/probe_data.h"
#include "run/story/story.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// How long each operation of an update took on the last machine; null where that is not known.
Json op_times(const fs::path& run) {
  const fs::path file = run / "environment.json";
  if (!fs::exists(file)) return nullptr;
  const Json starts = parse_json(read_file(file));
  if (!starts.is_array() || starts.empty() || !starts.back().is_object()) return nullptr;
  const Json times = starts.back().value("milliseconds_an_update", Json());
  const auto is_number = [](const Json& x) { return x.is_number(); };
  const auto is_row = [&](const Json& x) {
    return x.is_object() && std::ranges::all_of(x, is_number);
  };
  return times.is_object() && std::ranges::all_of(times, is_row) ? times : Json();
}

std::string counted(int64_t count, const char* word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string model_line(const Config& c) {
  return fmt::format("{} × {}, width {}, context {}, position {}, mask {}, normalizer {}",
                     counted(c.model.layers, "layer"), counted(c.model.heads, "head"),
                     c.model.width, c.model.context, c.model.position.name(),
                     c.model.attention.mask.name(), c.model.attention.normalizer.name());
}

std::string training_line(const Config& c) {
  return fmt::format("{}, {}, {} of {}, {}, seeds {} (init) and {} (data)", c.data.name(),
                     c.train.objective.name(), counted(c.train.steps, "step"),
                     counted(c.train.batch, "sequence"), c.train.optimizer.name(), c.seed.init,
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

std::vector<std::string> missing_parts(const Log& log, const Config& config, const RunPage& run) {
  std::vector<std::string> out;
  if (!log.steps("probe").empty() && log.steps("snapshot").empty())
    out.push_back(config.probe.snapshots.empty()
                      ? "There are no attention maps: probe.snapshots names no step."
                      : "There are no attention maps yet: no step of probe.snapshots was reached.");
  if (run.looked_at.empty() && log.steps("train").empty())
    out.push_back("There is no training loss in the log yet.");
  return out;
}

// What selects the waiver, or the command that finds out.
void add_selection(Json& out, const Config& config, const Story& story, const RunPage& run) {
  if (run.selection) {
    out["selected_by"] = selected_by_text(*run.selection);
    out["selection_of"] = fmt::format("{}, step {}", run.selection->key, run.selection->step);
  } else if (story.has_waiver() && run.state.empty() && run.looked_at.empty() &&
             refuse_mechanism(config.model, config.probe_tokens()).empty()) {
    out["ask"] = fmt::format("waiver probe {} --mechanism --all-checkpoints",
                             shell_word(run.folder.string()));
  }
}

}  // namespace

std::string name_of_folder(const fs::path& folder) {
  const fs::path whole = fs::absolute(folder).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

Json run_data(const Log& log, const RunPage& run) {
  const Config config = parse_config(log.config(), log.path().string());
  Json out = {{"kind", "run"},
              {"trained", run.looked_at.empty()},
              {"name", name_of_folder(run.folder)},
              {"what", model_line(config) + " · " +
                           (run.looked_at.empty() ? training_line(config) : run.looked_at)},
              {"state", run.state},
              {"missing", missing_parts(log, config, run)},
              {"layers", config.model.layers},
              {"heads", config.model.heads},
              {"context", config.model.context},
              {"added", log.axes().contains("added") ? log.axes().at("added") : 0},
              {"mask", config.model.attention.mask.name()}};
  ProbeValues probe(log);
  if (const auto story = story_of(log, config.probe, probe)) {
    out["sentence"] = sentence_of(*story);
    add_selection(out, config, *story, run);
    out["story"] = story_data(log, probe, *story);
    out["strongest"] = strongest_data(log, probe);
    out["positions"] = position_data(log, probe);
    out["position_names"] = log.has("probe", "position_name")
                                ? log.strings("probe", "position_name")
                                : std::vector<std::string>();
  } else {
    out["sentence"] = sentence_without_story(log, config.probe);
  }
  out["snapshots"] = snapshot_data(log);
  for (const char* group : {"train", "eval", "probe", "timing"}) out[group] = scalars(log, group);
  if (run.looked_at.empty()) out["ops"] = op_times(run.folder);
  out["checkpoints"] = checkpoints(run);
  out["config"] = log.config();
  return out;
}

}  // namespace waiver
