#pragma once

#include <vector>

#include "config/config.h"
#include "core/threads.h"

namespace waiver {

/// The mean time of one piece of a step, in seconds: within its loops over tiles, by their number
/// of tiles, and outside them.
struct Work {
  std::vector<TileLoops::OfSize> loops;  // their `count` in a step, and the time of all of these
  double outside = 0;

  double seconds() const;
};

/// How long the parts of a run take here, in seconds, measured on its first few steps.
struct Pace {
  double step = 0;
  // Pieces of it: what all passes do, each once, what is done for every parameter, and the rest.
  Work passes, parameters, rest;
  int threads = 0;   // by which they were measured
  double probe = 0;  // spread over all steps
  double validation = 0;
  double mechanisms = 0;  // all that are asked for

  /// Trains for so many seconds, two steps at the least, after two that warm up, and probes and
  /// validates, four times where that takes less than `seconds`; writes nothing. Throws NotFinite
  /// where one of these steps does.
  static Pace of(const Config& config, double seconds = 0.3);
  /// How many validations a run has.
  static int64_t validations(const Config& config);
  /// Of a whole run, without loading and saving.
  double seconds(const Config& config) const;
};

}  // namespace waiver
