#pragma once

#include <string>

#include "cli/verb.h"

namespace waiver {

/// Reads the command line, `help [VERB …]` being `[VERB …] --help`, and does what its verb does.
/// Returns the exit status; where the words are wrong it is 2, and a sentence says what is, with
/// the nearest verb or option, or what was meant. Throws what the verb throws.
int run_command_line(int argc, char** argv, const std::string& version, void (*add_verbs)(Verb&));

}  // namespace waiver
