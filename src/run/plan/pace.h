#pragma once

#include "config/config.h"

namespace waiver {

/// How long the parts of a run take here, in seconds, measured on its first few steps.
struct Pace {
  double step = 0;
  double probe = 0;  // spread over all steps
  double validation = 0;
  double mechanisms = 0;  // all that are asked for

  /// Trains for so many seconds, two steps at the least, after two that warm up, and probes and
  /// validates once; writes nothing.
  static Pace of(const Config& config, double seconds = 0.3);
  /// How many validations a run has.
  static int64_t validations(const Config& config);
  /// Of a whole run, without loading and saving.
  double seconds(const Config& config) const;
};

}  // namespace waiver
