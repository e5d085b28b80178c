#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/ranks/ranks.h"
#include "probe/metrics/metric.h"

namespace waiver {

/// Whether metric number i is measured by this rank: they are dealt out in turn.
inline bool is_own(int64_t i, const Ranks& ranks) { return i % ranks.count() == ranks.own(); }

/// Gives every rank the results of the metrics that others measured. REQUIRES: all ranks call it
/// together with the same metrics.
void collect(std::span<const std::unique_ptr<Metric>> metrics, Ranks& ranks);

}  // namespace waiver
