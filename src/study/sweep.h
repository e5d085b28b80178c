#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "study/study.h"

namespace waiver {

/// Where the runs of a study go, and how they are trained.
struct SweepPlan {
  std::string directory;
  bool resume = false;  // skip what is finished, in a folder or by its record; continue the rest
  int64_t jobs = 1;     // how many runs are trained side by side
  bool afresh = false;  // records do not count: only what is in this folder
  std::vector<size_t> only = {};         // places of runs in the study, from 0; empty: all of them
  std::vector<std::string> claims = {};  // that are shown and compared, by id; empty: all of them
  bool shared = false;  // several such calls may work in the folder, so this one sums nothing up
  /// How the program is started for the same sweep: `--only` and `--threads` are added for a run.
  /// REQUIRES: not empty, unless `only` is one run.
  std::vector<std::string> command = {};
};

/// Trains the runs of a study, each in DIRECTORY/<its name> by a process of its own, and leaves
/// DIRECTORY/records/<its name>.json (study/record.h). One run that is asked for alone, by `only`,
/// is trained in this process.
///
/// DIRECTORY/sweep.json lists the runs: {title, question, runs: [{name, group, seed}]}. Unless
/// `shared`, the events of the finished ones go to DIRECTORY/events.json and the verdicts
/// of the study's claims to DIRECTORY/claims.json, and both to the console (study/events_report.h,
/// study/claims/claims_report.h). With `resume`, finished runs are skipped and started ones
/// continued; without it, and unless `shared`, a folder that is not empty is refused. A run that
/// fails does not stop the others: the sweep throws Error at its end. Stopped leaves the sweep
/// where it is; the runs at work have saved their state.
void run_sweep(const Study& study, const SweepPlan& plan);

/// What `run_sweep` would do, and how long it would take (study/forecast.h). Writes nothing.
std::string sweep_forecast(const Study& study, const SweepPlan& plan, int64_t width = 0);

/// Trains nothing: writes the records and the summary of what is finished, in folders and by
/// records, and says which runs are missing. Throws Error, and leaves no file, where none is
/// finished.
void collect_sweep(const Study& study, const std::string& directory);

/// The plan of a verification: records do not count. Throws UsageError where it could not be made,
/// now and not after hours: the study has no committed verdicts, records/<its stem>/claims.json
/// beside its file, they are damaged, or those asked for are not those of its claims.
SweepPlan verification(const Study& study, SweepPlan plan);
/// Trains the runs anew and compares: the verdicts are the same and the new intervals contain the
/// committed effects; where the program, its libraries and the type of processor are those of the
/// committed records, all numbers have the same bits. Throws Error with every mismatch.
/// `plan.resume` continues one that was interrupted. REQUIRES: a plan by `verification`.
void verify_sweep(const Study& study, const SweepPlan& plan);

/// A table of all runs: done, running, failed and why, stopped, not started. Writes nothing.
std::string sweep_status(const Study& study, const std::string& directory, int64_t width = 0);

}  // namespace waiver
