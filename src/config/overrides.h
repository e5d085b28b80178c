#pragma once

#include <span>
#include <string>

#include "config/keys.h"
#include "config/yaml.h"

namespace waiver {

/// Throws UsageError where the first of `words` is not `key.path=value`, with what was probably
/// meant: a key with dashes, a colon or a space instead of `=`, a value that the shell split.
/// `keys`: all known keys.
void check_override(std::span<const std::string> words, const Place& place,
                    std::span<const KeyInfo> keys);

}  // namespace waiver
