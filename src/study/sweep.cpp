#include "study/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/files/files.h"
#include "core/output.h"
#include "core/stop.h"
#include "run/directory.h"
#include "run/memory.h"
#include "run/run.h"
#include "study/events_report.h"
#include "study/index.h"
#include "train/trainer.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

SweepIndex index_of(const Study& study) {
  SweepIndex index{study.title, study.question, {}};
  for (const StudyRun& run : study.runs)
    index.runs.push_back(
        {run.name, run.group.empty() ? study.name : run.group, run.config.seed.init});
  return index;
}

void check_folder(const fs::path& folder, bool resume) {
  if (!fs::exists(folder) || fs::is_empty(folder)) return;
  // The index is the first file of a sweep; a killed sweep may have left it half written.
  if (!is_sweep(folder) && !fs::exists(temporary_of(folder / SweepIndex::kName)))
    throw UsageError(folder.string(), "this is not a sweep's folder, and it is not empty",
                     "Choose another place with --out.");
  if (!resume)
    throw UsageError(folder.string(), "a sweep is already there",
                     "--resume continues it, --out DIR goes elsewhere.");
}

// A sweep may grow; its runs may not disappear from view, nor be run with another config or data.
void check_same_study(const Study& study, const fs::path& folder) {
  for (const StudyRun& run : study.runs) {
    check_stop();
    const fs::path place = folder / run.name;
    const auto opened = open_data(run.config);
    require_memory(run.config, *opened);
    const DataRecord data = DataRecord::of(*opened);
    if (!is_run(place)) continue;
    check_same_config(place, run.config);
    if (fs::exists(place / IdentityFile::kName))
      check_same_data(IdentityFile::read(place).data, data, {}, place.string());
  }
  if (!is_sweep(folder)) return;
  const SweepIndex now = index_of(study);
  for (const SweepIndex::Run& was : SweepIndex::read(folder).runs) {
    const auto same = [&](const SweepIndex::Run& run) {
      return run.name == was.name && run.group == was.group;
    };
    if (std::ranges::none_of(now.runs, same))
      throw UsageError(
          (folder / SweepIndex::kName).string(),
          fmt::format(
              "this sweep has the run {}, which the study {} lacks, so it belongs to another study",
              was.name, study.name),
          "Choose another place with --out.");
  }
}

void begin(const Study& study, const fs::path& folder) {
  const Uninterrupted whole;
  make_folder(folder);
  index_of(study).write(folder);
  write_atomically(folder / "experiment.yaml", study.text);
}

}  // namespace

void run_sweep(const Study& study, const std::string& directory, bool resume) {
  const fs::path folder = directory;
  check_folder(folder, resume);
  check_same_study(study, folder);
  begin(study, folder);
  std::vector<std::string> failed;
  for (size_t i = 0; i < study.runs.size(); ++i) {
    check_stop();
    const StudyRun& run = study.runs[i];
    const std::string place = (folder / run.name).string();
    print_progress(fmt::format("\n[{}/{}] {}\n", i + 1, study.runs.size(), run.name));
    if (run_status(place) == "done" && is_same_config(place, run.config)) {
      print_progress("Done already.\n");
      continue;
    }
    RunPlan plan;
    plan.overrides = run.overrides;
    plan.directory = place;
    plan.resume = is_run(place);
    try {
      train_run(run.config, plan);
    } catch (const NotFinite& problem) {  // the others may well succeed
      print_progress(fmt::format("{}\n", problem.what()));
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
