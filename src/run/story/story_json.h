#pragma once

#include <optional>

#include "config/config.h"
#include "core/files/json.h"
#include "run/log_file.h"
#include "run/selection.h"

namespace waiver {

/// What a run's log tells of its waiver element, as story_report tells people:
/// {sentence, emerged, onset, since, last, attention_rose, value_drained, layer, head, key, role,
/// added, token, verdict,
///  thresholds: {received_attention, enrichment, value_ratio}, steps, received_attention,
///  enrichment, value_ratio, selected_by, selection: {step, key, encoding, content, both},
///  logged_step, seconds}
/// onset, since, last: steps (probe/events/emergence.h; the next two: run/story.h); one of key,
/// role and added names the key; verdict: at the last probe; null: none, or NaN. Without probes, or
/// attention, there is nothing from `emerged` to `value_ratio`.
Json story_json(const Log& log, const Config& config, const std::optional<Selection>& selection);

}  // namespace waiver
