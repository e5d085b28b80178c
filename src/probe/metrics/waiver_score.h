#pragma once

#include <string_view>

#include "probe/config.h"

namespace waiver {

/// What a key is to a head. The numbers are the values of the series waiver_score.
enum class Verdict : int { neither = 0, sink_only = 1, waiver = 2 };
/// `neither`, `sink only`, `waiver`.
std::string_view verdict_text(Verdict verdict);

/// A waiver element: α_k and E_k above their thresholds and r_V below its own. A key whose value is
/// not small is a sink only. A number at its threshold, or NaN, does not count.
Verdict classify(const WaiverThresholds& thresholds, float received_attention, float enrichment,
                 float value_ratio);

}  // namespace waiver
