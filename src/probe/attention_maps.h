#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "probe/metrics/metric.h"

namespace waiver {

/// Attention weights of a probe, [layer, head, query, key]: of its first sequence, and their mean
/// over all sequences that have both query and key. NaN for padding and in blocks without
/// attention.
class AttentionMaps {
 public:
  /// `series` of a log, in the order of `first` and `mean`.
  static std::vector<SeriesSpec> series();

  /// All zero, for sequences of these lengths before the padding.
  void clear(const ProbeContext& context, std::span<const int64_t> lengths);
  /// Adds what a part of the batch shows of one block. REQUIRES: it has attention.
  void add(const LayerView& view);
  /// This block has no attention.
  void leave_out(int64_t layer);

  const std::vector<float>& first() const { return first_; }
  const std::vector<float>& mean() const { return mean_; }

 private:
  int64_t heads_ = 0, tokens_ = 0;
  std::vector<float> first_, mean_;
  std::vector<float> shares_;  // of a sequence in the mean, by position
};

}  // namespace waiver
