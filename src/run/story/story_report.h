#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "run/log_file.h"
#include "run/selection.h"

namespace waiver {

/// What a run's log tells of its waiver element, for people, in at most 80 columns: the sentence
/// (run/story.h), α, E and r_V of the place over the probes as lines of blocks, what selects it or
/// the command that finds out, how long training took as far as it was logged, and, of a finished
/// run, the next command. `folder`: of the run, for commands; `selection`: what is known of that;
/// `width`: of the terminal, 0: 80. Throws Error where the log's config cannot be read.
std::string story_report(const Log& log, const std::filesystem::path& folder,
                         const std::optional<Selection>& selection, bool finished = true,
                         int64_t width = 0);

}  // namespace waiver
