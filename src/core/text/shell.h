#pragma once

#include <string>

namespace waiver {

/// A word as the shell reads it back: in quotes where it needs them.
std::string shell_word(const std::string& word);

}  // namespace waiver
