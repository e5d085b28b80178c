#pragma once

#include <filesystem>
#include <string>

#include "core/files/json.h"

namespace waiver {

/// What happened in a run, as its log tells it (run/story_report.h); what selects its waiver also
/// from its mechanism.h5 and from the mechanism.json of the sweep that it belongs to. Of a run that
/// is not finished, its state first. Throws UsageError where the run has no log.
std::string show_run(const std::filesystem::path& run, int64_t width = 0);

/// The same of a sweep, a row for each finished run: when a waiver element emerged, where, with
/// what α and r_V at the first and the last probe, and what selects it; then in how many runs of
/// each group; then the runs that are not finished, and why. A log that cannot be read is reported
/// in its row.
std::string show_sweep(const std::filesystem::path& sweep, int64_t width = 0);

/// The same as JSON: {run, state, more} and what run/story_json.h tells. `more`: the
/// step, or why it ended, of a run that is not finished.
Json show_run_json(const std::filesystem::path& run);

/// {sweep, title, runs: [{run, group, seed, state, more, …}], groups: [{group, runs,
/// emerged, onsets}]}; groups count finished runs. Of a run without a readable log `more` says why.
Json show_sweep_json(const std::filesystem::path& sweep);

}  // namespace waiver
