#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/names.h"
#include "core/files/json.h"
#include "study/claims/claim.h"
#include "study/curves.h"

namespace waiver {

/// One run of a study.
struct StudyRun {
  std::string name;                    // e.g. `position.kind=rope,seed=1`
  std::string group;                   // the same without the seed
  std::vector<std::string> overrides;  // what turns the study's base into this run's config
  Config config;
  int64_t seed = 0;  // which seed_keys have
};

/// A base config and what varies over it.
struct Study {
  std::string name;  // the stem of its file
  std::string text;  // of its file, as read
  std::string title, question;
  std::string base;  // the path of the underlying run config
  std::vector<StudyRun> runs;
  std::string path = {};  // of its file
  std::vector<Claim> claims = {};
  std::vector<KeptCurve> curves = {};
  Json published = {};  // curves, as by read_published

  /// The place of the run of this name; the number of runs where there is none.
  size_t index_of(const std::string& run) const {
    return std::ranges::find(runs, run, &StudyRun::name) - runs.begin();
  }
};

/// Reads a study:
///   title, question: text
///   base: a run config, relative to this file
///   set: {model: {…}, …} over the base, for every run
///   pairs: [{model.position.kind: none, data.first: 1}, …]  keys that vary together: a point each,
///     by its `name`, where it gives one, else by its settings; crossed with the grid, and slower
///   grid: {model.position.kind: [none, rope], …}  every combination, the first key slowest
///   skip: [{model.position.kind: none, seed.init: 1}, …]  runs with these settings are left out
///   overrides: [{where: {model.position.kind: rope}, set: {train: {steps: 9}}}, …]  in order, over
///     the points that have the settings of `where`
///   claims: [{id: early, sentence: …}, …]  what the runs can show (study/claims/claim.h)
///   curves: [{name: attention, series: …}, …]  what the records keep of every run
///     (study/curves.h)
///   published: {file: curve.csv, columns: {received_attention: attention}}  a curve to show beside
///     the runs' (study/published_curves.h)
///   seeds: [0, 1, 2]  each is the value of seed_keys in one run; default [0]
///   seed_keys: [seed.init, seed.data]  what each seed sets; this is the default
/// Conditions (study/where.h) are about what the base, `set` and the point make of a run, and each
/// must hold for one. The overrides of the command line come last, in every run. Throws one
/// UsageError that lists everything wrong with the study and with any of its runs.
Study load_study(const std::string& path, std::span<const std::string> overrides = {});

/// The places of the runs that the claims of these ids are about, in the study's order. Throws
/// UsageError where the study has no claim of an id.
std::vector<size_t> runs_of_claims(const Study& study, std::span<const std::string> ids);

}  // namespace waiver
