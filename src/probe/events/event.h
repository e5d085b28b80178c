#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "probe/config.h"
#include "probe/events/change_point.h"
#include "probe/events/onset.h"

namespace waiver {

/// Something that happens once while a waiver element emerges: a quantity of the probe crosses a
/// threshold for good.
struct EventKind {
  std::string_view name;
  std::string_view series;  // of /probe
  Side side;
  double threshold;
};

/// The events, in the order in which they are reported:
///   risk        backcopy risk below 1 nat: copying is learned (only tasks that have it)
///   enrichment  E_k above 3: t_E of W11
///   sink        α_k above probe.waiver.received_attention
///   value       r_V(k) below 0.5: t_V of W11
///   residual    residual ratio of k above 2. Published as a rise, the peak of the first token's
///               norm (Guo et al., 2410.13835), as a ratio because in small models all norms grow;
///               2: the norm is twice that of the other tokens
/// Those of E, α and r_V are the thresholds of the waiver score, probe.waiver; 3, 0.3 and 0.5 are
/// its defaults.
std::vector<EventKind> event_kinds(const ProbeConfig& config);

/// One event of one run: when it happened, and the change point of the same quantity, which needs
/// no threshold.
struct Event {
  Onset onset;
  ChangePoint change;
};

/// steps and values: the quantity of `kind` at each probe.
Event find_event(const EventKind& kind, std::span<const int64_t> steps,
                 std::span<const double> values);

}  // namespace waiver
