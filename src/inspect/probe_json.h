#pragma once

#include "core/files/json.h"
#include "run/log_file.h"

namespace waiver {

/// The last row of /probe, by the names of its series:
/// {values: {loss, …}, layers: [{layer, residual_kurtosis, …}],
///  heads: [{layer, head, attention_entropy, …, key, token, verdict, at_key: {received_attention,
///  enrichment, value_ratio, …}}], elements: [{token, sequences, layers, heads, …}],
///  tokens: of the first probe sequence}
/// key: the one with the most attention among those that many queries see, null where there is
/// none; elements: as element_table, all of them, the token null for the first position. Series
/// over positions are left to the log.
Json probe_json(const Log& log);

}  // namespace waiver
