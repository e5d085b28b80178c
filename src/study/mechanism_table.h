#pragma once

#include <filesystem>
#include <string>

namespace waiver {

/// The mechanism tests on every finished run of a sweep's folder. Writes FOLDER/mechanism.json in
/// one step: {groups: [{group, runs: [{seed, …the above}]}]}; returns a table with a row for each
/// group: numbers as the median over its runs with a bootstrap interval, outcomes as a sign per
/// run.
std::string study_mechanism(const std::filesystem::path& folder);

}  // namespace waiver
