#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

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

/// The keys seen by more than a quarter as many queries as the most visible key, from the
/// visibility [T] of one block: a mean over a few queries is no evidence of a sink. Hence the first
/// three quarters of the keys under a causal mask, and all keys in a bidirectional model. None
/// where the visibility is NaN, as in blocks without attention.
std::vector<int64_t> candidate_keys(std::span<const double> visibility);

}  // namespace waiver
