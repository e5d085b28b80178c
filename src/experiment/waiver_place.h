#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/log.h"

namespace waiver {

/// A key of one head, and the attention α_k that it receives at the last probe.
struct WaiverPlace {
  int64_t layer = 0, head = 0, key = 0;
  double attention = 0;
};

/// Of every head, layer by layer, the key that received the most attention at the last probe (the
/// first of equals), among those that more than a quarter as many queries see as the key that most
/// queries see: the mean over a few queries is no sink. So the first three quarters of the keys
/// under a causal mask, all of them in a bidirectional model. The key is −1 in blocks without
/// attention. Empty where the log has no probes.
std::vector<WaiverPlace> waiver_places(const Log& log);

/// The one with the most attention of all heads, the first of equals; none without probes or
/// attention.
std::optional<WaiverPlace> strongest_waiver(const Log& log);

/// `waiver 1.0 at 0: 0.78`.
std::string to_text(const WaiverPlace& place);

}  // namespace waiver
