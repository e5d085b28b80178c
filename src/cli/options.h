#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/verb.h"

namespace waiver {

/// `[key.path=value ...]` after the file or folder that a verb works on.
struct Target {
  std::string path;
  std::vector<std::string> overrides;
};
void add_target(Verb& verb, Target& target, const std::string& name, const std::string& what);

/// Throws UsageError, before anything is measured, where a file cannot be written at this path,
/// which `option` names: it is a folder, a file that exists and `overwrite` is not set, or a file
/// that is not a log or probe of this program, or its parent folder is missing.
void check_output(const std::filesystem::path& path, bool overwrite,
                  const std::string& option = "--out");

/// `--threads N`; default: OMP_NUM_THREADS, or every processor.
Option add_threads(Verb& verb);

}  // namespace waiver
