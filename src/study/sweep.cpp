#include "study/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>

#include "core/error.h"
#include "core/files/hdf5.h"
#include "core/machine.h"
#include "core/output.h"
#include "core/products/gemm.h"
#include "core/stop.h"
#include "core/threads.h"
#include "run/console.h"
#include "run/directory.h"
#include "run/run.h"
#include "study/children.h"
#include "study/claims/claims_report.h"
#include "study/events_report.h"
#include "study/findings.h"
#include "study/forecast.h"
#include "study/needs.h"
#include "study/progress.h"
#include "study/sweep_folder.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;

namespace waiver {
namespace {

// A process that was killed with its sweep may still be saving its state.
void wait_until_free(const fs::path& place) {
  constexpr int kLooks = 200;  // over ten seconds
  for (int i = 0; i < kLooks && is_held(place); ++i) {
    check_stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

int64_t steps_made(const fs::path& run) {
  const auto saved = list_checkpoints(run / "checkpoints");
  return saved.empty() ? 0 : checkpoint_step(saved.back()).value_or(0);
}

// The records of what is finished, and what all of it together says.
void sum_up(const Study& study, const Findings& findings, const fs::path& folder,
            const std::vector<std::string>& claims = {}) {
  findings.write_records();
  for (const std::string& note : findings.notes()) print_progress(note + "\n");
  report_events(events_of(findings.records()), folder);
  report_claims(study, findings.records(), folder, claims);
}

class Sweep {
 public:
  Sweep(const Study& study, const SweepPlan& plan)
      : study_(study),
        plan_(plan),
        folder_(plan.directory),
        chosen_(plan.only.empty() ? all_runs(study) : plan.only),
        asked_for_(plan.shared ? chosen_ : all_runs(study)),
        needs_(needs_of(study, asked_for_)) {
    check_sweep_folder(folder_, plan.resume || plan.shared);
    check_same_study(study, folder_);
    for (const size_t i : asked_for_) check_same_run(folder_, study.runs[i], needs_[i].data);
    findings_.emplace(study, folder_, digests_of(needs_), asked_for_,
                      plan.resume && !plan.afresh ? Records::accept : Records::ignore);
    for (const size_t i : chosen_)
      if (!findings_->is_done(i)) to_do_.push_back(i);
    require_side_by_side(needs_, to_do_, side_by_side());
  }

  std::string forecast(int64_t width) const {
    const int64_t places = side_by_side();
    set_threads(static_cast<int>(std::max<int64_t>(1, threads() / places)));
    std::string text = forecast_text(study_, needs_, to_do_, places, width);
    if (to_do_.size() < chosen_.size() && !to_do_.empty())
      text += fmt::format("{} more are done already.\n", chosen_.size() - to_do_.size());
    return text;
  }

  void train() {
    begin_sweep(study_, folder_);
    if (plan_.only.size() == 1)
      train_here(chosen_.front());
    else
      train_in_children();
  }

  void finish() {
    if (plan_.shared)
      findings_->write_records();
    else
      sum_up(study_, *findings_, folder_, plan_.claims);
    std::vector<std::string> names;
    for (const size_t i : failed_) names.push_back(study_.runs[i].name);
    if (!failed_.empty())
      throw Error(folder_.string(),
                  fmt::format("{} of {} runs failed: {}", failed_.size(), chosen_.size(),
                              fmt::join(names, ", ")),
                  "The status file of each says why.");
  }

 private:
  int64_t side_by_side() const {
    return std::min(
        {plan_.jobs, static_cast<int64_t>(threads()), std::max<int64_t>(1, std::ssize(to_do_))});
  }

  void train_here(size_t i) {
    const StudyRun& run = study_.runs[i];
    if (to_do_.empty()) return print_progress(fmt::format("{}: done already.\n", run.name));
    const fs::path place = folder_ / run.name;
    wait_until_free(place);
    RunPlan plan;
    plan.overrides = run.overrides;
    plan.directory = place.string();
    plan.resume = is_run(place);
    train_run(run.config, plan);
    findings_->look(i);
  }

  void train_in_children() {
    introduce();
    std::vector<SweepProgress::Run> runs;
    for (const size_t i : to_do_) {
      const StudyRun& run = study_.runs[i];
      runs.push_back({run.name, run.config.train.steps, steps_made(folder_ / run.name),
                      needs_[i].work(run.config)});
    }
    SweepProgress progress(std::move(runs), chosen_.size() - to_do_.size());
    std::vector<std::string> outcome(to_do_.size());
    ChildTasks tasks;
    tasks.count = to_do_.size();
    tasks.side_by_side = side_by_side();
    tasks.threads = threads();
    tasks.command = [&](size_t task, int64_t threads) {
      std::vector<std::string> command = plan_.command;
      command.insert(command.end(), {"--only", std::to_string(to_do_[task] + 1), "--threads",
                                     std::to_string(threads)});
      return command;
    };
    tasks.wrote = [&](size_t task, const std::string& line) {
      if (const auto step = progress_step(line)) progress.at_step(task, *step);
      const std::string done = "Done: " + (folder_ / study_.runs[to_do_[task]].name).string();
      if (line.starts_with(done)) outcome[task] = line.substr(done.size());
    };
    tasks.ended = [&](size_t task, const ChildEnd& end) {
      progress.ended(task, outcome_of(task, end, outcome[task]));
    };
    try {
      run_children(tasks);
    } catch (const Stopped&) {
      throw Stopped(fmt::format(
          "{}: the sweep was interrupted; its runs have saved their states. --resume continues it.",
          folder_.string()));
    }
  }

  // The machine, once for all runs.
  void introduce() const {
    print_progress(fmt::format("{} · {} · {}\n", machine_line(), gemm_version(), hdf5_version()));
    for (const std::string& warning : machine_warnings()) print_progress("Slow: " + warning + "\n");
    if (plan_.jobs > threads())
      print_progress(fmt::format("--jobs {} with {} thread{}: {} run{} at a time.\n", plan_.jobs,
                                 threads(), threads() == 1 ? "" : "s", side_by_side(),
                                 side_by_side() == 1 ? "" : "s"));
    int64_t largest = 0;
    for (const size_t i : to_do_) largest = std::max(largest, needs_[i].memory.total());
    std::string text = fmt::format("{}: {} run{}", folder_.string(), chosen_.size(),
                                   chosen_.size() == 1 ? "" : "s");
    if (to_do_.size() < chosen_.size())
      text += fmt::format(", {} done already", chosen_.size() - to_do_.size());
    if (side_by_side() > 1) text += fmt::format(", {} side by side", side_by_side());
    if (largest > 0) text += fmt::format(" · memory: at most about {} a run", memory_text(largest));
    print_progress(text + "\n");
  }

  // What became of a run, for people; notes those that failed.
  std::string outcome_of(size_t task, const ChildEnd& end, const std::string& verdict) {
    const size_t i = to_do_[task];
    if (end.status == 0) findings_->look(i);
    if (findings_->is_done(i)) return "done" + verdict;
    if (stop_requested()) return "stopped";
    failed_.insert(i);
    const std::string why =
        end.status > 128 ? fmt::format("its process was ended by signal {}", end.status - 128)
        : end.status == 0
            ? "its folder does not have the run that the study describes: was the study changed?"
            : end.last_line;
    return "failed: " + why;
  }

  const Study& study_;
  const SweepPlan& plan_;
  const fs::path folder_;
  const std::vector<size_t> chosen_;     // to be trained
  const std::vector<size_t> asked_for_;  // and looked at: what a summary is of
  const std::vector<RunNeeds> needs_;
  std::optional<Findings> findings_;
  std::vector<size_t> to_do_;
  std::set<size_t> failed_;
};

}  // namespace

void run_sweep(const Study& study, const SweepPlan& plan) {
  Sweep sweep(study, plan);
  sweep.train();
  sweep.finish();
}

std::string sweep_forecast(const Study& study, const SweepPlan& plan, int64_t width) {
  return Sweep(study, plan).forecast(width);
}

void collect_sweep(const Study& study, const std::string& directory) {
  const fs::path folder = directory;
  check_sweep_folder(folder, true);
  check_same_study(study, folder);
  const auto needs = needs_of(study, all_runs(study));
  for (size_t i = 0; i < study.runs.size(); ++i)
    check_same_run(folder, study.runs[i], needs[i].data);
  const Findings findings(study, folder, digests_of(needs), all_runs(study), Records::accept);
  const std::vector<size_t> missing = findings.missing();
  if (missing.size() == study.runs.size()) {
    for (const std::string& note : findings.notes()) print_progress(note + "\n");
    throw Error(folder.string(), fmt::format("none of the {} runs is finished", missing.size()),
                "Without --collect they are trained.");
  }
  begin_sweep(study, folder);
  sum_up(study, findings, folder);
  std::vector<std::string> names;
  for (const size_t i : missing) names.push_back(fmt::format("{} ({})", study.runs[i].name, i + 1));
  print_progress(names.empty() ? fmt::format("All {} runs are there.\n", study.runs.size())
                               : fmt::format("Missing: {} of {} runs: {}.\n", names.size(),
                                             study.runs.size(), fmt::join(names, ", ")));
}

}  // namespace waiver
