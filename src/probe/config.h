#pragma once

#include <cstdint>
#include <vector>

#include "core/fields/fields.h"

namespace waiver {

/// What makes a key a sink, and a sink a waiver element.
struct WaiverThresholds {
  double received_attention = 0.3;
  double enrichment = 3.0;
  double value_ratio = 0.5;

  void visit(FieldVisitor& v);
};

struct ProbeConfig {
  /// The default of snapshots, for maps of up to kMostDefaultWeights numbers at each.
  static inline const std::vector<int64_t> kSnapshots = {
      0,    50,   100,  200,  300,   400,   500,   700,   1000,  1500,
      2000, 3000, 5000, 7000, 10000, 15000, 20000, 30000, 50000, 100000};
  static constexpr int64_t kMostDefaultWeights = int64_t{1} << 20;

  int64_t every = 10;
  std::vector<int64_t> first = {0, 1, 2, 4, 8};
  std::vector<int64_t> snapshots = kSnapshots, mechanism = {};
  int64_t batch = 16, context = 0;
  double sink_threshold = 0.3;
  WaiverThresholds waiver;

  /// The tokens of a probe sequence, given those that the model is trained with.
  int64_t tokens(int64_t trained) const { return context == 0 ? trained : context; }
  /// Whether a run of so many steps probes at this one, and whether it keeps attention maps there:
  /// with the default of snapshots also at the last.
  bool due(int64_t step, int64_t steps) const;
  bool snapshot_due(int64_t step, int64_t steps) const;
  void visit(FieldVisitor& v);
};

}  // namespace waiver
