#pragma once

#include <string>

#include "cli/verb.h"

namespace waiver {

// Scripts that complete verbs, options, the words that an option may have and, where a verb takes
// overrides, `key.path=` with the choices of a config; everything else is a file.

std::string bash_completion(const VerbInfo& program);
std::string zsh_completion(const VerbInfo& program);
std::string fish_completion(const VerbInfo& program);

}  // namespace waiver
