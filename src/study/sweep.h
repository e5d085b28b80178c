#pragma once

#include <string>

#include "study/study.h"

namespace waiver {

/// Trains the runs of a study in order, each in DIRECTORY/<its name>, and writes
/// DIRECTORY/sweep.json: {title, question, runs: [{name, group, seed}]}. At the end the events of
/// the finished runs go to DIRECTORY/events.json and the console (study/events_report.h). With
/// `resume`, finished runs are skipped and started ones continued; without it a folder that is not
/// empty is refused. A run that produces NaN or infinity does not stop the others: the sweep throws
/// Error at its end. Stopped leaves the sweep where it is; the current run has saved its state.
void run_sweep(const Study& study, const std::string& directory, bool resume);

}  // namespace waiver
