#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace waiver {

/// The words of the command line; `help [VERB …]` becomes `[VERB …] --help`.
std::vector<std::string> words_of(int argc, char** argv);

/// What is wrong with the command line, as sentences: the nearest verb or option, or what was
/// meant.
std::string explain_usage(const CLI::App& app, const CLI::Error& error);

}  // namespace waiver
