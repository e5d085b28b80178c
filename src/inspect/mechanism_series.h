#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "probe/mechanism/mechanism.h"
#include "run/log_file.h"

namespace waiver {

/// What the mechanism tests found at one checkpoint of a run.
struct MechanismAt {
  int64_t step = 0;
  Mechanism found;
};

/// The mechanism at every checkpoint of a run, oldest first. Throws UsageError where it has none.
std::vector<MechanismAt> mechanism_of_checkpoints(const std::filesystem::path& run);

/// Into /mechanism of a log, as a row of its series at this step; beside them key_name, the key by
/// name, and every number of a hypothesis that is no series, as the scalar ID_NUMBER.
void write_mechanism(Log& log, const MechanismAt& one);

/// Writes them in the form of a log: the series of /mechanism (probe/mechanism/series.h), and
/// beside them key_name [checkpoint], the key by name. An existing file is replaced.
void write_mechanism_series(const std::filesystem::path& file, const std::string& config,
                            const std::vector<MechanismAt>& all);

/// For people: a row for each checkpoint. Fitted to `width` as by Table's to_text.
std::string to_text(const std::vector<MechanismAt>& all, int64_t width = 0);

}  // namespace waiver
