#pragma once

#include "experiment/log.h"

namespace waiver {

/// Writes /summary from the probes of a log: per layer and head
///   bos_onset_{step,before,after}     when attention to the first token passed `threshold`
///   waiver_key                        the key k with the largest final received attention α_k,
///                                     among those that more than a quarter as many queries see as
///                                     any (/probe/queries): under a causal mask the first three
///                                     quarters; −1 where the block has no attention
///   waiver_onset_{step,before,after}  when α_k of that key passed `threshold`
///   waiver_{received_attention,enrichment,value_ratio,residual_ratio}  its final values
/// and `threshold` itself. A step of −1 means never; see probe/onset.h for the persistence rule.
/// Nothing where the log has no probes.
void write_summary(Log& log, double threshold);

/// Of the head that attends most to one key: `waiver 1.0 at 0: 0.78`; empty without probes or
/// attention.
std::string strongest_waiver(const Log& log);

}  // namespace waiver
