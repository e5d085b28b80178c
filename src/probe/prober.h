#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "probe/config.h"
#include "probe/metric.h"

namespace waiver {

/// Measures every metric on a fixed batch of the dataset's probe split. Uses memory of its own and
/// changes neither the model nor the training. Where the data hides tokens (masked_token), what
/// happens in the blocks is measured on the whole sequences, so that every query is the token that
/// its role speaks of, and losses and risks on the same sequences with tokens hidden.
class Prober {
 public:
  /// REQUIRES: model and data outlive the prober; data is open.
  Prober(const Transformer& model, const Dataset& data, const ProbeConfig& config, uint64_t seed);

  /// How many keys of a model are no token's: its sink tokens, and its slot.
  static int64_t added_keys(const ModelConfig& model);
  /// How many queries of a sequence see each key, [layer, key], documents left out; 0 in blocks
  /// without attention.
  std::vector<int64_t> queries_of_keys() const;

  /// Whether a probe, or a snapshot, belongs to this step of a run of `steps`. The last step always
  /// has a probe; nothing is due when probe.every is 0.
  bool due(int64_t step, int64_t steps) const;
  bool snapshot_due(int64_t step) const;

  /// Runs the model over the probe batch; keeps attention maps where `snapshot`. What belongs to
  /// attention is NaN in blocks that have none.
  void measure(bool snapshot = false);

  using Values = std::vector<std::pair<std::string, const std::vector<float>*>>;
  /// What `measure` found, in the order of `series`; valid until the next call.
  const std::vector<SeriesSpec>& series() const { return series_; }
  Values values() const;

  /// Attention weights [layer, head, query, key] of the first probe sequence, and their mean over
  /// all; valid after `measure(true)`.
  static std::vector<SeriesSpec> snapshot_series();
  Values snapshot() const { return {{"pattern", &first_map_}, {"pattern_mean", &mean_map_}}; }
  /// The tokens of the first probe sequence, as a person reads them.
  std::vector<std::string> snapshot_tokens() const;

 private:
  class Watch;
  Batch part_of_batch(int64_t begin, int64_t count) const;
  void run(Watch& watch);
  int64_t part_size() const;
  void leave_out(int64_t layer, bool snapshot);
  /// The probe sequences as they are without hidden tokens.
  const std::vector<int32_t>& whole() const {
    return batch_.whole.empty() ? batch_.inputs : batch_.whole;
  }

  const Transformer& model_;
  const Dataset& data_;
  ProbeConfig config_;
  Batch batch_;
  ProbeContext context_;
  Arena arena_;
  std::vector<std::unique_ptr<Metric>> metrics_;
  std::vector<SeriesSpec> series_;
  std::vector<float> first_map_, mean_map_;
};

}  // namespace waiver
