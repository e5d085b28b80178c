#pragma once

#include <span>
#include <string>

#include "experiment/yaml.h"

namespace waiver {

/// Throws UsageError where the first of `words` is not `key.path=value`, with what was likely
/// meant: a key with dashes, a colon or a blank in place of `=`, a value that the shell parted.
void check_override(std::span<const std::string> words, const Place& place);

}  // namespace waiver
