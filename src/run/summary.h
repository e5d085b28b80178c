#pragma once

#include "probe/config.h"
#include "run/log_file.h"

namespace waiver {

/// Writes /summary from the probes of a log: per layer and head
///   bos_onset_{step,before,after}     when attention to the first token, including its own query,
///                                     passed `threshold`
///   waiver_key                        the key k with the most received attention α_k at the end
///                                     (run/events.h); −1 where it has none
///   waiver_onset_{step,before,after}  when α_k of that key passed `waiver_threshold`
///   waiver_{received_attention,enrichment,value_ratio,residual_ratio}  its final values
/// α and E are those of the proxy where weights are not shares. Then `threshold` itself,
/// probe.sink_threshold, and `waiver_threshold`, probe.waiver.received_attention: the event `sink`
/// of the strongest head and its waiver_onset are the same step. Then the events of that head
/// (run/events.h). A step of −1 means never; see probe/events/onset.h for the persistence rule.
/// Nothing where the log has no probes.
void write_summary(Log& log, const ProbeConfig& config);

}  // namespace waiver
