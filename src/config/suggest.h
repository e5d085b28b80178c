#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/keys.h"

namespace waiver {

// Guesses at what was meant by an unknown word.

/// `Did you mean a, b or c?`, or an empty text without names.
std::string did_you_mean(const std::vector<std::string>& names);
/// The names nearest to `word` by edit distance: at most three, and none that is too far.
std::vector<std::string> nearest_names(std::span<const Choice> choices, std::string_view word);
std::string nearest_choice(std::span<const Choice> choices, std::string_view word);
/// Known keys close to `path`, or with the same last name in another block.
std::string nearest_key(std::span<const KeyInfo> keys, const std::string& path);
/// `Did you mean configs/masks.yaml?`: the nearest names in the folder where `path` should be; or
/// an empty text.
std::string nearest_path(const std::string& path);

/// The names in a folder, sorted; none where it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& folder);
/// `a, b or c`.
std::string join_or(const std::vector<std::string>& names, std::string_view last = "or");

}  // namespace waiver
