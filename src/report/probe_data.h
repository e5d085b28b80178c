#pragma once

#include "core/files/json.h"
#include "run/events.h"
#include "run/log_file.h"
#include "run/story/story.h"

namespace waiver {

// What a log's probes and snapshots give to the page, as arrays (report/arrays.h).

/// Of a story: the place {layer, head, position, key}, thresholds, the steps of the probes, and
/// when it emerged, attention rose and the value drained (−1: never); α, E and r_V of its place bit
/// for bit; `heads`: of the same key in every head, [step, layer, head], α, E, r_V, value and key
/// norms, sink logit; `layers`: [step, layer], residual norm and ratio. Series that the log lacks
/// for such a key are left out.
Json story_data(const Log& log, ProbeValues& probe, const Story& story);

/// Of each head the position that receives the most attention at each probe, among those that
/// enough queries see (metrics/waiver_score.h): its number (−1: none) and α, E and r_V there,
/// [step, layer, head].
Json strongest_data(const Log& log, ProbeValues& probe);

/// α by position at no more than 60 of the probes: {steps, received_attention: [step, layer, head,
/// position], judged: of each layer, the position behind the last one that enough queries see}.
/// Fewer where that takes over 4 MB before compression.
Json position_data(const Log& log, ProbeValues& probe);

/// The attention maps at the snapshots: {steps, tokens, of, count, pattern, pattern_mean: [step,
/// layer, head, query, key], value_norm: [step, layer, head, key]}; `count`: how many of the `of`
/// tokens are kept, from the first on, so that they take no more than 4 MB before compression. Null
/// where there are none.
Json snapshot_data(const Log& log);

}  // namespace waiver
