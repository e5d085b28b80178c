#pragma once

#include <vector>

#include "probe/metrics/metric.h"

namespace waiver {

/// The queries of one entry of the axis `query_role` that see one key of one sequence, without the
/// key's own.
struct Viewers {
  double count = 0;
  double uniform = 0;  // Σ 1 / (tokens they see)
};

/// Of every sequence, entry of query_role (of which there are `queries`) and key, [B, Q, T]; nobody
/// sees padding.
std::vector<Viewers> count_viewers(const LayerView& view, const Dataset& data, int64_t queries);

/// Σ A[i,k] over the same queries in one head of one sequence, [Q, T]; where weights are not
/// shares, of the proxy.
std::vector<double> received_by_role(const LayerView& view, const ProbeContext& context,
                                     int64_t queries, int64_t b, int64_t h);

}  // namespace waiver
