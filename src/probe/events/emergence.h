#pragma once

#include <cstdint>
#include <span>

#include "probe/config.h"

namespace waiver {

/// When a place, a head and a key, was a waiver element: α_k and E_k above their thresholds and r_V
/// below its own at the same probe (metrics/waiver_score.h).
struct Emergence {
  int64_t onset = -1;   // the first of kPersistence probes in a row at which it was; −1: none
  int64_t last = -1;    // the last probe at which it was; −1: none
  int64_t since = -1;   // the first of the probes up to the end at all of which it was; −1: none
  int64_t lasting = 0;  // how many these are

  /// The next probe.
  void add(int64_t step, bool is_waiver);
  bool emerged() const { return onset >= 0; }
  /// Whether it is one at the end, if only since a probe or two.
  bool lasts() const { return lasting > 0; }
};

/// From the quantities at each probe, which have the length of steps. An added key has no E: with
/// `enrichment` empty it is judged without.
Emergence find_emergence(std::span<const int64_t> steps, std::span<const double> attention,
                         std::span<const double> enrichment, std::span<const double> value_ratio,
                         const WaiverThresholds& thresholds);

/// Whether a place with `a` tells more about its run than one with `b`: that one emerged and lasts,
/// else that it emerged, else that it lasts; then the earlier.
bool tells_more(const Emergence& a, const Emergence& b);

}  // namespace waiver
