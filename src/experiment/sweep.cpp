#include "experiment/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "experiment/events_report.h"
#include "experiment/run.h"
#include "experiment/run_directory.h"
#include "train/trainer.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

void check_folder(const fs::path& folder, bool resume) {
  if (!fs::exists(folder) || fs::is_empty(folder)) return;
  // The index is the first file of a sweep; one that was killed may have left it half written.
  if (!fs::exists(folder / "sweep.json") && !fs::exists(folder / "sweep.json.tmp"))
    throw UsageError(folder.string(), "this is not a sweep's folder, and it is not empty",
                     "Choose another place with --out.");
  if (!resume)
    throw UsageError(folder.string(), "a sweep is already there",
                     "--resume continues it, --out DIR goes elsewhere.");
}

void write_index(const Study& study, const fs::path& folder) {
  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  for (const StudyRun& run : study.runs)
    runs.push_back({{"name", run.name},
                    {"group", run.group.empty() ? study.name : run.group},
                    {"seed", run.config.seed.init}});
  const nlohmann::ordered_json index = {
      {"title", study.title}, {"question", study.question}, {"runs", runs}};
  write_atomically(folder / "sweep.json", index.dump(2) + "\n");
}

}  // namespace

void run_sweep(const Study& study, const std::string& study_path, const std::string& directory,
               bool resume) {
  const fs::path folder = directory;
  check_folder(folder, resume);
  for (const StudyRun& run : study.runs) open_data(run.config);
  make_folder(folder);
  write_index(study, folder);
  write_atomically(folder / "experiment.yaml", read_file(study_path));
  std::vector<std::string> failed;
  for (size_t i = 0; i < study.runs.size(); ++i) {
    const StudyRun& run = study.runs[i];
    const std::string place = (folder / run.name).string();
    fmt::print("\n[{}/{}] {}\n", i + 1, study.runs.size(), run.name);
    if (run_status(place) == "done") {
      check_same_config(place, run.config);
      fmt::print("Done already.\n");
      continue;
    }
    RunPlan plan;
    plan.config_path = study.base;
    plan.overrides = run.overrides;
    plan.directory = place;
    plan.resume = true;
    try {
      train_run(run.config, plan);
    } catch (const NotFinite& problem) {  // the others may well go on
      fmt::print("{}\n", problem.what());
      failed.push_back(run.name);
    }
  }
  report_events(study, folder);
  if (!failed.empty())
    throw Error(folder.string(),
                fmt::format("{} of {} runs failed: {}", failed.size(), study.runs.size(),
                            fmt::join(failed, ", ")),
                "The status file of each says why.");
}

}  // namespace waiver
