#include "probe/events/event.h"

namespace waiver {

std::vector<EventKind> event_kinds(const ProbeConfig& config) {
  return {{"risk", "backcopy_risk", Side::below, 1.0},
          {"enrichment", "enrichment", Side::above, config.waiver.enrichment},
          {"sink", "received_attention", Side::above, config.waiver.received_attention},
          {"value", "value_ratio", Side::below, config.waiver.value_ratio},
          {"residual", "residual_ratio", Side::above, 2.0}};
}

Event find_event(const EventKind& kind, std::span<const int64_t> steps,
                 std::span<const double> values) {
  return {find_onset(steps, values, kind.threshold, kind.side), find_change_point(steps, values)};
}

}  // namespace waiver
