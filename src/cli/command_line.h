#pragma once

#include <string>

#include "cli/verb.h"

namespace waiver {

/// Reads the command line, `help [VERB …]` being `[VERB …] --help`, and runs its verb. Returns the
/// exit status; for a bad command line it is 2, and a message says what is wrong, with the nearest
/// verb or option, or what was meant. Throws what the verb throws.
int run_command_line(int argc, char** argv, const std::string& version, void (*add_verbs)(Verb&));

}  // namespace waiver
