#pragma once

#include <string>
#include <vector>

#include "core/fields/set_fields.h"
#include "probe/edits/edits.h"
#include "probe/prober.h"

namespace waiver {

struct HeadIndex {
  int64_t layer = 0, head = 0;
};

/// What one pass over the probe batch showed, natural or edited: [layer, head, key]. α, E and the
/// sink rate are those of the proxy where weights are not shares.
struct Pass {
  double loss = 0;                                                  // nat
  std::vector<float> received, enrichment, value_ratio, sink_rate;  // α, E, r_V, Sink
};

/// Passes of one model over one probe batch, and sums over their heads.
class Passes {
 public:
  /// REQUIRES: all of them outlive it.
  Passes(const Transformer& model, Prober& prober);

  Pass natural() { return run({}, {}); }
  Pass run(std::vector<EditConfig> edits, const PositionNames& names);
  /// Share of the probe sequences and heads in which key k has the largest enrichment of all
  /// `candidates`.
  double first_choice(std::vector<EditConfig> edits, const PositionNames& names,
                      const std::vector<HeadIndex>& heads, const std::vector<int64_t>& candidates,
                      int64_t k);

  const ModelConfig& config() const { return model_.config(); }
  int64_t tokens() const { return model_.config().context; }
  /// Every head of every block that has attention.
  std::vector<HeadIndex> all_heads() const;
  /// The keys that many queries see (candidate_keys), in the first block with attention.
  std::vector<int64_t> candidates() const;

  float at(const std::vector<float>& series, const HeadIndex& h, int64_t key) const {
    return series[(h.layer * config().heads + h.head) * tokens() + key];
  }
  double mean(const std::vector<float>& series, const std::vector<HeadIndex>& heads,
              int64_t key) const;
  double median(const std::vector<float>& series, const std::vector<HeadIndex>& heads,
                int64_t key) const;

 private:
  const Transformer& model_;
  Prober& prober_;
};

/// `{at: …, edit: rule, positions: …}` with the rule's options.
EditConfig make_edit(std::vector<std::string> at, const std::string& rule,
                     std::vector<std::string> positions, SetFields::Values options = {});

}  // namespace waiver
