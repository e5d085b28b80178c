#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/ranks/ranks.h"
#include "probe/attention_maps.h"
#include "probe/config.h"
#include "probe/edits/edits.h"
#include "probe/metrics/metric.h"
#include "probe/probe_batch.h"

namespace waiver {

/// Measures metrics on a fixed batch of the dataset's probe split, of config.tokens(context) tokens
/// each. Uses its own memory and changes
/// neither the model nor the training. Where the data masks tokens (masked_token), what happens in
/// the blocks is measured on the unmasked sequences, so that every query is the token that its role
/// refers to, and losses and risks on the same sequences with tokens masked. Padding is no part of
/// a sequence: none of its queries and keys counts, and a position that only some sequences have is
/// measured on those.
class Prober {
 public:
  /// REQUIRES: model and data outlive the prober; data is open.
  /// `metrics`: which ones.
  Prober(const Transformer& model, const Dataset& data, const ProbeConfig& config, uint64_t seed,
         When metrics = When::training, const ProbeTokens& tokens = {});

  /// How many sequences of a probe batch pass through the model at once.
  static int64_t part_size(const ModelConfig& model, int64_t batch);

  /// Whether a probe, or a snapshot, is due at this step of a run of `steps`. The last step always
  /// has a probe, and so has one at which the mechanism is asked for; nothing is due when
  /// probe.every is 0.
  bool due(int64_t step, int64_t steps) const;
  bool snapshot_due(int64_t step, int64_t steps) const;

  /// Runs the model over the probe batch; keeps attention maps where `snapshot`. Series of
  /// attention are NaN in blocks without attention. `edits` change what the model sees and does,
  /// not what roles, targets and true distributions are derived from. Throws Error for edits
  /// together with metrics of gradients.
  void measure(bool snapshot = false, Edits* edits = nullptr);

  /// Measures one more thing from now on; its series are not among those below.
  void add(std::unique_ptr<Metric> metric) {
    metrics_.push_back(std::move(metric));
    own_.push_back(metrics_.back().get());
  }

  /// From now on these ranks call `measure` together, each of them for some of the metrics; rank 0
  /// has the results. REQUIRES: `ranks` outlives the prober.
  void share(Ranks& ranks);

  using Values = std::vector<std::pair<std::string, const std::vector<float>*>>;
  /// The results of `measure`, in the order of `series`; valid until the next call.
  const std::vector<SeriesSpec>& series() const { return series_; }
  Values values() const;
  /// The numbers of one of the series; null where it is not measured.
  const std::vector<float>* find(std::string_view name) const;
  /// The same. REQUIRES: it is measured.
  const std::vector<float>& value(std::string_view name) const { return *find(name); }

  /// The attention maps, in the order of AttentionMaps::series; valid after `measure(true)`.
  Values snapshot() const { return {{"pattern", &maps_.first()}, {"pattern_mean", &maps_.mean()}}; }
  const Dataset& data() const { return data_; }
  /// Of a probe sequence, T.
  int64_t tokens() const { return context_.tokens; }
  /// The memory of its passes.
  const Arena& arena() const { return arena_; }
  /// How many of the queries of all probe sequences see key k, including its own: a share, [layer,
  /// key]; NaN in a block without attention.
  std::vector<float> key_visibility() const;
  /// The tokens of a probe sequence, as people read them.
  std::vector<std::string> tokens_of(int64_t sequence) const;

  /// The probe sequences with nothing masked, [B·T].
  const std::vector<int32_t>& sequences() const {
    return batch_.whole.empty() ? batch_.inputs : batch_.whole;
  }

  /// How many of their tokens come before the padding, [B].
  const std::vector<int64_t>& lengths() const { return lengths_; }

  /// What is to be predicted, −1: nothing, [B·T].
  const std::vector<int32_t>& targets() const { return batch_.targets; }

  /// The features of the tokens [B·T, C]; empty where the model takes ids.
  const std::vector<float>& features() const { return batch_.features; }

  /// What metrics are shown of a block.
  static bool shows_block(Point point);

 private:
  class Watch;
  const std::vector<float>& effective();
  Batch part_of_batch(int64_t begin, int64_t count) const;
  void run(const Batch& part, bool hidden, Watch& watch, Edits* edits);
  const std::vector<float>* values_of(size_t series) const {
    return &sources_[series].first->values()[sources_[series].second];
  }
  void edit_tokens(const Edits& edits, std::span<const int64_t> lengths,
                   std::vector<int32_t>& tokens) const;
  void leave_out(int64_t layer, bool snapshot);
  void keep_donors(DonorStates& donors);

  const Transformer& model_;
  const Dataset& data_;
  ProbeConfig config_;
  Batch batch_;
  std::vector<int64_t> lengths_;
  ProbeContext context_;
  Arena arena_;
  std::vector<std::unique_ptr<Metric>> metrics_;
  std::vector<Metric*> own_;  // those that this rank measures
  Ranks* ranks_ = nullptr;    // null: they are not shared
  std::vector<SeriesSpec> series_;
  std::vector<std::pair<const Metric*, size_t>>
      sources_;  // of each series: its metric, and its number there
  bool of_gradients_ = false;
  AttentionMaps maps_;
  std::vector<float> effective_;  // encodings, once they are wanted
};

}  // namespace waiver
