#pragma once

#include <filesystem>
#include <string>
#include <utility>

namespace waiver {

/// The state of a run that is not finished, `not started`, `running`, `stopped`, `failed` or
/// `interrupted`, and more about it: the last step that its train.log names of `steps`, or why it
/// ended. One that is finished is of another config than the study's.
std::pair<std::string, std::string> unfinished_state(const std::filesystem::path& run,
                                                     int64_t steps);

}  // namespace waiver
