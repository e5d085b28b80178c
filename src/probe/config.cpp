#include "probe/config.h"

#include <algorithm>
#include <array>

namespace waiver {

void ProbeConfig::visit(FieldVisitor& v) {
  v.field({"every", "steps between probes; 0: no probes at all", at_least(0)}, every);
  v.field({"first", "further steps to probe at, for the fast early phase", at_least(0)}, first);
  v.field(
      {"snapshots",
       "steps at which whole attention maps are kept: 2 · layers · heads · context² numbers at "
       "each; the default has the last step, too, and is none where these are over a million, or "
       "probe.every is 0",
       at_least(0)},
      snapshots);
  v.field(
      {"mechanism",
       "steps at which it is asked what selects the waiver, as by waiver probe --mechanism; the "
       "answers are the series of /mechanism",
       at_least(0)},
      mechanism);
  v.field({"batch", "sequences in the fixed probe batch", between(1, 1 << 16)}, batch);
  v.field({"context",
           "how many tokens of each are looked at, its first ones (Gu et al., 2410.10781, whose "
           "sink rate is of 64); 0: all, model.context",
           at_least(0)},
          context);
  v.field({"sink_threshold",
           "ε of the sink rate (Gu et al., 2410.10781: 0.3), and of the onset of attention to the "
           "first token in the summary",
           between(0, 1)},
          sink_threshold);
  v.field({"waiver", "what the series waiver_score counts as a waiver element"}, waiver);
}

bool ProbeConfig::due(int64_t step, int64_t steps) const {
  if (every == 0) return false;
  if (step % every == 0 || step == steps) return true;
  return std::ranges::any_of(std::array{&first, &snapshots, &mechanism}, [&](const auto* list) {
    return std::ranges::find(*list, step) != list->end();
  });
}

bool ProbeConfig::snapshot_due(int64_t step, int64_t steps) const {
  if (every == 0) return false;
  if (step == steps && snapshots == kSnapshots) return true;
  return std::ranges::find(snapshots, step) != snapshots.end();
}

void WaiverThresholds::visit(FieldVisitor& v) {
  v.field({"received_attention",
           "a sink's received attention α_k is above this, in the events and the summary too",
           between(0, 1)},
          received_attention);
  v.field({"enrichment", "and its enrichment E_k above this", at_least(0)}, enrichment);
  v.field({"value_ratio", "a sink whose value ratio r_V is below this is a waiver element",
           at_least(0)},
          value_ratio);
}

}  // namespace waiver
