#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/fields/set_fields.h"
#include "probe/mechanism/key.h"
#include "probe/prober.h"

namespace waiver {

struct HeadIndex {
  int64_t layer = 0, head = 0;
};

/// What one pass over the probe batch showed, natural or edited. α and E are those of the proxy
/// where weights are not shares; NaN where nothing sees a key.
struct Pass {
  double loss = 0;                           // nat, squared error, or the output's distance
  std::vector<double> received, enrichment;  // α, E [query_role, layer, head, sequence, key]
  std::vector<double> value_ratio;           // r_V [layer, head, sequence, key]
  std::vector<float> sink_rate;              // Sink [layer, head, key], also of the proxy
};

/// Passes of one model over one probe batch, and means over their heads.
class Passes {
 public:
  /// REQUIRES: all of them outlive it, and nobody else adds a metric to the prober.
  Passes(const Transformer& model, Prober& prober);

  Pass natural() { return run({}, {{}}); }
  /// `names`: of every sequence, or one entry for all of them.
  Pass run(std::vector<EditConfig> edits, const std::vector<PositionNames>& names);

  const ModelConfig& config() const { return model_.config(); }
  const Dataset& data() const { return prober_.data(); }
  int64_t tokens() const { return prober_.tokens(); }
  int64_t sequences() const { return std::ssize(prober_.sequences()) / tokens(); }
  /// Every head of every block that has attention.
  std::vector<HeadIndex> all_heads() const;
  /// How many tokens sequence b has, and the shortest, without padding.
  int64_t length(int64_t b) const { return prober_.lengths()[b]; }
  int64_t shortest() const { return std::ranges::min(prober_.lengths()); }
  /// The keys of all sequences that many queries see (candidate_keys), in the first block with
  /// attention.
  std::vector<int64_t> candidates() const;
  /// Roles that exactly one token of every sequence has as a key, each at several places.
  std::vector<Key> roles() const;

  /// Whether anything is to be predicted at some query of an entry of query_role.
  bool answered(int64_t queries) const;

  /// Whether the features of a key are zeros in every sequence. REQUIRES: the model takes features.
  bool without_features(const Key& key) const;

  /// α or E of a key in one head, over the queries of an entry of query_role; r_V of it: means over
  /// the sequences in which it has one.
  double of_queries(const std::vector<double>& series, int64_t queries, const HeadIndex& h,
                    const Key& key) const;
  double of_key(const std::vector<double>& series, const HeadIndex& h, const Key& key) const;
  /// Share of the sequences and heads in which a key has the largest E of all candidates.
  double first_choice(const Pass& pass, int64_t queries, const std::vector<HeadIndex>& heads,
                      const std::vector<int64_t>& candidates, const Key& key) const;

 private:
  class Sequences;
  int64_t row(const HeadIndex& h) const {
    return (h.layer * config().heads + h.head) * sequences();
  }

  const Transformer& model_;
  Prober& prober_;
  Sequences* sequences_;  // owned by the prober
};

/// `{at: …, edit: rule, positions: …}` with the rule's options.
EditConfig make_edit(std::vector<std::string> at, const std::string& rule,
                     std::vector<std::string> positions, SetFields::Values options = {});

}  // namespace waiver
