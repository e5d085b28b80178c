#pragma once

#include <filesystem>
#include <string>

#include "study/events.h"

namespace waiver {

/// The events of a study as JSON; null: never happened, or undefined.
///   {persistence, level, resamples, groups: [{group, seeds, run_steps, place: [{layer, head,
///   key}],
///     onset_layer: [one a seed], events: {NAME: {quantity, side, threshold,
///       step, before, after, change_step, change_size, change_explained}},
///     order: [NAME], lags: [{from, to, lag}], value_after_enrichment: {lag, both, within}}]}
/// where step, lag and change_{step,size} are {each: [one a seed], median, low, high}.
std::string to_json(const StudyEvents& events);

/// The same as a table for a person, a row for each group; fitted to `width` as by Table's to_text.
std::string to_table(const StudyEvents& events, int64_t width = 0);

/// Replaces FOLDER/events.json in one step, and prints the table.
void report_events(const StudyEvents& events, const std::filesystem::path& folder);

}  // namespace waiver
