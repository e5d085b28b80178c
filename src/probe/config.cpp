#include "probe/config.h"

namespace waiver {

void ProbeConfig::visit(FieldVisitor& v) {
  v.field("every", every, at_least(0), "steps between probes; 0: no probes at all");
  v.field("first", first, 0, at_least(0), "further steps to probe at, for the fast beginning");
  v.field("snapshots", snapshots, 0, at_least(0), "steps at which whole attention maps are kept");
  v.field("batch", batch, between(1, 1 << 16), "sequences in the fixed probe batch");
  v.field(
      "sink_threshold", sink_threshold, between(0, 1),
      "ε of the sink rate (Gu et al., 2410.10781: 0.3), and of the onset of attention to the first "
      "token in the summary");
  v.block("waiver", "what the series waiver_score calls a waiver element",
          [this](FieldVisitor& inner) { waiver.visit(inner); });
}

void WaiverThresholds::visit(FieldVisitor& v) {
  v.field("received_attention", received_attention, between(0, 1),
          "a sink's received attention α_k is above this, in the events and the summary too");
  v.field("enrichment", enrichment, at_least(0), "and its enrichment E_k above this");
  v.field("value_ratio", value_ratio, at_least(0),
          "a sink whose value ratio r_V is below this is a waiver element");
}

}  // namespace waiver
