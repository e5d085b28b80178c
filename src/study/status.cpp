#include <fmt/format.h>

#include <filesystem>
#include <sstream>

#include "core/files/files.h"
#include "core/text/table.h"
#include "run/console.h"
#include "run/directory.h"
#include "study/findings.h"
#include "study/needs.h"
#include "study/sweep.h"
#include "study/sweep_folder.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// `step 40/500`, from the last line about it in the run's log; empty where there is none.
std::string last_step(const fs::path& run, const Config& config) {
  if (!fs::exists(run / "train.log")) return "";
  std::istringstream log(read_file(run / "train.log"));
  std::optional<int64_t> step;
  for (std::string line; std::getline(log, line);)
    if (const auto found = progress_step(line)) step = found;
  return step ? fmt::format("step {}/{}", *step, config.train.steps) : "";
}

// The state of a run that is not finished, and more about it.
std::pair<std::string, std::string> unfinished(const fs::path& place, const Config& config) {
  const std::string status = run_status(place.string());
  if (!is_run(place) && status.empty()) return {"not started", ""};
  if (is_held(place)) return {"running", last_step(place, config)};
  if (status == "failed") return {"failed", run_status_reason(place.string())};
  if (status == "stopped") return {"stopped", run_status_reason(place.string())};
  if (status == "done") return {"other config", "it was trained with another config"};
  return {"interrupted", last_step(place, config)};
}

}  // namespace

std::string sweep_status(const Study& study, const std::string& directory, int64_t width) {
  const fs::path folder = directory;
  check_sweep_folder(folder, true);
  check_same_study(study, folder);
  const auto needs = needs_of(study, all_runs(study));
  const Findings findings(study, folder, digests_of(needs), all_runs(study), Records::accept);
  Table table{{{Align::right}, {}, {}, {.wraps = true}}, {{"", "run", "state", ""}}, 0, true};
  for (size_t i = 0; i < study.runs.size(); ++i) {
    const StudyRun& run = study.runs[i];
    std::string state = "done", more;
    if (findings[i].from == Findings::From::record) more = "by its record";
    if (findings[i].from == Findings::From::committed)
      more = "by its record in " + committed_records(study).string();
    if (!findings.is_done(i)) std::tie(state, more) = unfinished(folder / run.name, run.config);
    table.rows.push_back({std::to_string(i + 1), run.name, state, more});
  }
  const size_t missing = findings.missing().size();
  std::string text =
      to_text(table, width) +
      fmt::format("\n{} of {} runs done.\n", study.runs.size() - missing, study.runs.size());
  for (const std::string& note : findings.notes()) text += note + "\n";
  return text;
}

}  // namespace waiver
