#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/names.h"

namespace waiver {

/// One run of a study.
struct StudyRun {
  std::string name;                    // e.g. `position.kind=rope,seed=1`
  std::string group;                   // the same without the seed
  std::vector<std::string> overrides;  // what turns the study's base into this run's config
  Config config;
};

/// A base config and what varies over it.
struct Study {
  std::string name;  // the stem of its file
  std::string text;  // of its file, as read
  std::string title, question;
  std::string base;  // the path of the underlying run config
  std::vector<StudyRun> runs;
};

/// Reads a study:
///   title, question: text
///   base: a run config, relative to this file
///   set: {model: {…}, …} over the base, for every run
///   grid: {model.position.kind: [none, rope], …}  every combination, the first key slowest
///   seeds: [0, 1, 2]  each is seed.init and seed.data of one run; default [0]
/// The overrides of the command line come last, in every run. Throws one UsageError that lists
/// everything wrong with the study and with any of its runs.
Study load_study(const std::string& path, std::span<const std::string> overrides = {});

}  // namespace waiver
