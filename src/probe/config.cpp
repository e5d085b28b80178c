#include "probe/config.h"

namespace waiver {

void ProbeConfig::visit(FieldVisitor& v) {
  v.field("every", every, at_least(0), "steps between probes; 0: no probes at all");
  v.field("first", first, 0, at_least(0), "further steps to probe at, for the fast beginning");
  v.field("snapshots", snapshots, 0, at_least(0), "steps at which whole attention maps are kept");
  v.field("batch", batch, between(1, 1 << 16), "sequences in the fixed probe batch");
  v.field("sink_threshold", sink_threshold, between(0, 1),
          "ε of the sink rate (Gu et al., 2410.10781: 0.3)");
}

}  // namespace waiver
