#include <fmt/format.h>

#include "core/error.h"
#include "run/directory.h"
#include "run/story/story_json.h"
#include "study/show/show.h"
#include "study/show/shown_run.h"
#include "study/unfinished.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

void add_state(Json& out, const fs::path& run, int64_t steps) {
  if (run_status(run.string()) == "done" && fs::exists(run / "log.h5")) {
    out["state"] = "done";
    return;
  }
  const auto [state, more] = unfinished_state(run, steps);
  out["state"] = state;
  if (!more.empty()) out["more"] = more;
}

int64_t last_probe(const Log& log) {
  const auto probes = log.steps("probe");
  return probes.empty() ? 0 : probes.back();
}

Json row_of_sweep(const SweepIndex::Run& run, const fs::path& place,
                  const SweepMechanism& mechanism) {
  Json out = {{"run", run.name}, {"group", run.group}, {"seed", run.seed}};
  try {
    if (!fs::exists(place / "log.h5")) {
      add_state(out, place, 0);
      return out;
    }
    const ShownRun shown = open_shown_run(place);
    add_state(out, place, shown.config.train.steps);
    const auto of_sweep = mechanism.find(run, last_probe(shown.log));
    out.update(story_json(shown.log, shown.config, newest_selection(shown, of_sweep)));
  } catch (const Error& problem) {
    out["state"] = "unreadable";
    out["more"] = problem.what();
  }
  return out;
}

// The finished runs of each group, in the order of its first.
Json groups_of(const Json& rows) {
  auto groups = Json::array();
  for (const Json& row : rows) {
    if (row.at("state") != "done") continue;
    if (groups.empty() || groups.back().at("group") != row.at("group"))
      groups.push_back(
          {{"group", row.at("group")}, {"runs", 0}, {"emerged", 0}, {"onsets", Json::array()}});
    Json& group = groups.back();
    group["runs"] = group["runs"].get<int64_t>() + 1;
    if (!row.value("emerged", false)) continue;
    group["emerged"] = group["emerged"].get<int64_t>() + 1;
    group["onsets"].push_back(row.at("onset"));
  }
  return groups;
}

}  // namespace

Json show_run_json(const fs::path& run) {
  const ShownRun shown = open_shown_run(run);
  Json out = {{"run", run.string()}};
  add_state(out, run, shown.config.train.steps);
  const auto of_sweep = selection_in_sweep(run, last_probe(shown.log));
  out.update(story_json(shown.log, shown.config, newest_selection(shown, of_sweep)));
  return out;
}

Json show_sweep_json(const fs::path& sweep) {
  const SweepIndex index = SweepIndex::read(sweep);
  const SweepMechanism mechanism(sweep);
  auto rows = Json::array();
  for (const SweepIndex::Run& run : index.runs)
    rows.push_back(row_of_sweep(run, sweep / run.name, mechanism));
  Json out = {{"sweep", sweep.string()}, {"title", index.title}};
  out["groups"] = groups_of(rows);
  out["runs"] = std::move(rows);
  return out;
}

}  // namespace waiver
