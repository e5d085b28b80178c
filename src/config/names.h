#pragma once

#include <span>
#include <string>

#include "config/config.h"
#include "config/yaml.h"

namespace waiver {

// Names of runs and their folders: only the characters A–Z a–z 0–9 . _ = , + - and never the time.

/// The text with `_` in place of every other character.
std::string plain_name(std::string text);

/// `position.kind=rope`: the shortest suffix of the key that no other key shares, and the value.
std::string setting_name(const std::string& key, const Node& value);

/// The stem of the config's file, the overrides, and the seeds unless both are 0:
/// `bb,position.kind=rope,seed=1`, or `seed=1-2` where init is 1 and data 2.
std::string run_name(const std::string& path, std::span<const std::string> overrides,
                     const Config& config);

/// A name that is too long for a folder keeps its beginning and gets a checksum of the whole.
std::string capped_name(const std::string& name);

}  // namespace waiver
