#pragma once

#include <filesystem>
#include <string>

namespace waiver {

/// The mechanism tests on every finished run of a sweep's folder. Writes FOLDER/mechanism.json in
/// one step: {groups: [{group, runs: [{seed, …the above}]}]}; returns a table with a row for each
/// group: numbers as the median over its runs with its bootstrap interval, outcomes a sign per run.
/// It is fitted to `width` as by Table's to_text.
std::string study_mechanism(const std::filesystem::path& folder, int64_t width = 0);

}  // namespace waiver
