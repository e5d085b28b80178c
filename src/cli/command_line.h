#pragma once

#include <string>

#include "cli/verb.h"

namespace waiver {

/// Reads the command line, `help [VERB …]` being `[VERB …] --help`, and runs its verb. Throws what
/// the verb throws, and UsageError for a bad command line: what is wrong, with the nearest verb or
/// option, or what was meant.
void run_command_line(int argc, char** argv, const std::string& version, void (*add_verbs)(Verb&));

}  // namespace waiver
