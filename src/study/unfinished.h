#pragma once

#include <filesystem>
#include <string>
#include <utility>

namespace waiver {

/// The state of a run that is not finished, `not started`, `running`, `stopped`, `failed` or
/// `interrupted`, and more about it: the last step that its train.log names of `steps`, or why it
/// ended; `record only`: its folder is gone, but not its record in a sweep's folder; `without log`:
/// it is finished, but its log is not there. Any other that is finished is of another config than
/// the study's.
std::pair<std::string, std::string> unfinished_state(const std::filesystem::path& run,
                                                     int64_t steps);

}  // namespace waiver
