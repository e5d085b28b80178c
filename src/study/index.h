#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/files/json.h"

namespace waiver {

/// The file that makes a folder a sweep's: {title, question, runs: [{name, group, seed}],
/// published}. Each run is in a folder of its name beside it; published (study/published_curves.h)
/// only where the study names curves.
struct SweepIndex {
  static constexpr char kName[] = "sweep.json";
  struct Run {
    std::string name, group;
    int64_t seed = 0;
  };

  std::string title, question;
  std::vector<Run> runs;
  Json published = {};

  /// Throws Error where it is damaged; REQUIRES: it is there.
  static SweepIndex read(const std::filesystem::path& folder);
  std::string to_json() const;
};

/// Whether a path is a sweep's folder.
bool is_sweep(const std::filesystem::path& path);

}  // namespace waiver
