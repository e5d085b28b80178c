#include "report/sweep_data.h"

#include <fmt/format.h>

#include <optional>

#include "config/config.h"
#include "core/error.h"
#include "core/files/files.h"
#include "report/arrays.h"
#include "report/run_data.h"
#include "run/directory.h"
#include "run/story/story.h"
#include "study/claims/claims_report.h"
#include "study/index.h"
#include "study/show/shown_run.h"
#include "study/unfinished.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// A JSON file that the sweep wrote; null where it did not.
Json written(const fs::path& file) {
  if (!fs::exists(file)) return nullptr;
  Json json = parse_json(read_file(file));
  if (json.is_discarded())
    throw Error(file.string(), "this is not JSON",
                "It is damaged: the sweep writes it anew with waiver sweep … --resume.");
  return json;
}

std::string link_to(const fs::path& run, const fs::path& page) {
  const fs::path base = fs::absolute(page).parent_path();
  const bool has_page = fs::exists(run / "report.html");
  const std::string link = fs::absolute(run).lexically_relative(base).string();
  return has_page ? link + "/report.html" : link + "/";
}

Json curve_of(const Log& log, const std::string& group, const std::string& name) {
  if (!log.has(group, name)) return nullptr;
  const std::vector<int64_t> steps = log.steps(group), shape{std::ssize(steps)};
  return {{"steps", whole_array(steps, shape)},
          {"values", exact_array(log.read(group, name).values, shape)}};
}

Json curve_of(const Story& story, const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  const std::vector<int64_t> shape{std::ssize(story.steps)};
  return {{"steps", whole_array(story.steps, shape)}, {"values", exact_array(values, shape)}};
}

void add_log(Json& out, const fs::path& folder, const SweepIndex::Run& run,
             const SweepMechanism& mechanism) {
  const ShownRun shown = open_shown_run(folder);
  const Log& log = shown.log;
  const auto probes = log.steps("probe");
  const auto selection =
      newest_selection(shown, mechanism.find(run, probes.empty() ? 0 : probes.back()));
  out["selected_by"] = selection ? selected_by_text(*selection) : "";
  Json curves = Json::object();
  if (const auto story = story_of(log, shown.config.probe)) {
    out["sentence"] = sentence_of(*story);
    out["emerged"] = story->when.emerged();
    out["onset"] = story->when.onset;
    out["lasts"] = story->when.lasts();
    out["layer"] = story->at.layer;
    out["head"] = story->at.head;
    out["key"] = story->at.key_name();
    out["received_attention"] = json_number(story->attention.back());
    out["value_ratio"] = json_number(story->value_ratio.back());
    out["thresholds"] = {{"received_attention", story->thresholds.received_attention},
                         {"enrichment", story->thresholds.enrichment},
                         {"value_ratio", story->thresholds.value_ratio}};
    curves["received_attention"] = curve_of(*story, story->attention);
    curves["enrichment"] = curve_of(*story, story->enrichment);
    curves["value_ratio"] = curve_of(*story, story->value_ratio);
  }
  curves["loss"] = curve_of(log, "eval", "loss");
  curves["train_loss"] = curve_of(log, "train", "loss");
  if (const auto steps = log.steps("eval"); !steps.empty())
    out["loss"] = json_number(log.read("eval", "loss").values.back());
  out["curves"] = std::move(curves);
}

Json run_of(const SweepIndex::Run& run, const fs::path& sweep, const fs::path& page,
            const SweepMechanism& mechanism) {
  const fs::path folder = sweep / run.name;
  Json out = {{"name", run.name}, {"group", run.group}, {"seed", run.seed}};
  const bool done = run_status(folder.string()) == "done" && fs::exists(folder / "log.h5");
  if (fs::exists(folder)) out["link"] = link_to(folder, page);
  try {
    if (!done) {
      const int64_t steps = fs::exists(folder / "config.yaml")
                                ? load_config((folder / "config.yaml").string(), {}).train.steps
                                : 0;
      const auto [state, more] = unfinished_state(folder, steps);
      out["state"] = more.empty() ? state : fmt::format("{}: {}", state, more);
    }
    if (fs::exists(folder / "log.h5")) add_log(out, folder, run, mechanism);
    if (done) out["state"] = "done";
  } catch (const Error& problem) {
    out["state"] = fmt::format("unreadable: {}", problem.what());
  }
  return out;
}

}  // namespace

Json sweep_data(const fs::path& sweep, const fs::path& page) {
  const SweepIndex index = SweepIndex::read(sweep);
  const SweepMechanism mechanism(sweep);
  Json runs = Json::array(), missing = Json::array();
  int64_t finished = 0, emerged = 0;
  for (const SweepIndex::Run& run : index.runs) {
    runs.push_back(run_of(run, sweep, page, mechanism));
    const Json& last = runs.back();
    if (last.at("state") != "done") continue;
    ++finished;
    emerged += last.value("emerged", false) ? 1 : 0;
  }
  if (finished < std::ssize(index.runs))
    missing.push_back(fmt::format("{} of {} runs are not finished.",
                                  std::ssize(index.runs) - finished, index.runs.size()));
  return {{"kind", "sweep"},
          {"name", name_of_folder(sweep)},
          {"title", index.title},
          {"question", index.question},
          {"sentence",
           fmt::format("A waiver element emerged in {} of {} finished runs.", emerged, finished)},
          {"missing", missing},
          {"runs", runs},
          {"published", index.published},
          {"claims", written(sweep / kClaimsFile)},
          {"events", written(sweep / "events.json")}};
}

}  // namespace waiver
