#pragma once

#include <string_view>

#include "probe/config.h"

namespace waiver {

/// What a key is to a head. The numbers are those of the series waiver_score.
enum class Verdict : int { neither = 0, sink_only = 1, waiver = 2 };
/// `neither`, `sink only`, `waiver`.
std::string_view verdict_text(Verdict verdict);

/// A waiver element: α_k and E_k above their thresholds and r_V below its own. With a value that is
/// not small it is a sink only. At a threshold, and for NaN, nothing is.
Verdict classify(const WaiverThresholds& thresholds, float received_attention, float enrichment,
                 float value_ratio);

}  // namespace waiver
