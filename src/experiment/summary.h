#pragma once

#include "experiment/log.h"
#include "probe/config.h"

namespace waiver {

/// Writes /summary from the probes of a log: per layer and head
///   bos_onset_{step,before,after}     when attention to the first token passed the threshold
///   waiver_key                        the key k with the most received attention α_k at the end
///                                     (experiment/run_events.h); −1 where the block has no
///                                     attention
///   waiver_onset_{step,before,after}  when α_k of that key passed the threshold
///   waiver_{received_attention,enrichment,value_ratio,residual_ratio}  its final values
/// then `threshold` itself, probe.sink_threshold, and the events of the strongest head
/// (experiment/run_events.h). A step of −1 means never; see probe/onset.h for the persistence rule.
/// Nothing where the log has no probes.
void write_summary(Log& log, const ProbeConfig& config);

}  // namespace waiver
