#pragma once

#include <string>
#include <vector>

#include "study/claims/claim.h"
#include "study/curves.h"
#include "study/where.h"

namespace waiver {

/// One point of what a study varies: what is set there, over the base, and its part of the name.
struct StudyPoint {
  Node settings;
  std::string name;
};

/// Settings for the runs that a condition holds for.
struct StudyOverride {
  Where where;
  Node settings;
};

/// A study's file as it is written, before its base is read.
struct StudyFile {
  std::string title, question, base;
  std::vector<int64_t> seeds = {0};
  std::vector<std::string> seed_keys = {"seed.init", "seed.data"};  // that each seed sets
  Place seed_keys_place;
  Node set;                                   // over the base, in every run
  std::vector<std::vector<StudyPoint>> axes;  // crossed with each other, the first slowest
  std::vector<StudyOverride> overrides;
  std::vector<Where> skip;
  std::vector<Claim> claims;
  std::vector<KeptCurve> curves;
  Node published;  // study/published_curves.h
  Place base_place, axes_place, skip_place;
  std::string axes_key;  // `grid`, or `pairs` where there is no grid

  /// `last`: the settings of the command line, which may not set what the study varies. Complains
  /// of everything that is wrong with the file itself.
  static StudyFile read(const std::string& text, const std::string& path, const Node& last,
                        Complaints& complaints);
  /// How many runs it has before any is skipped, or kMostRuns + 1 where there are more than that.
  size_t count() const;
  static constexpr size_t kMostRuns = 10000;
};

/// Whether a file is a study rather than the config of one run.
bool is_study(const std::string& path);

}  // namespace waiver
