#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace waiver {

/// `[key.path=value ...]` after the file or folder that a verb works on.
struct Target {
  std::string path;
  std::vector<std::string> overrides;
};
void add_target(CLI::App& verb, Target& target, const std::string& name, const std::string& what);

/// `--threads N`; default: OMP_NUM_THREADS, or every processor.
void add_threads(CLI::App& verb);

}  // namespace waiver
