#pragma once

#include <string>

#include "core/files/json.h"
#include "inspect/saved.h"
#include "probe/mechanism/mechanism.h"

namespace waiver {

/// The mechanism tests on a trained model, on its own probe batch and thresholds.
Mechanism mechanism_of(const SavedModel& saved);

/// {waiver, status, heads: [{layer, head}], others, received_attention, enrichment, value_ratio,
///  follows: {encoding, content, both, effective}, selected_by, loss,
///  hypotheses: {ID: {outcome, note, NUMBER: …}}}; null: not a number.
Json to_json(const Mechanism& mechanism);

/// For people: what selects the waiver, with the numbers, then every hypothesis. Fitted to `width`
/// as by Table's to_text.
std::string to_text(const Mechanism& mechanism, int64_t width = 0);

/// Markdown: every hypothesis, and what counts as supported and as refuted.
std::string hypothesis_docs();

}  // namespace waiver
