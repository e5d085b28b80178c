#include "probe/metrics/reduce.h"

namespace waiver {
namespace {

/// s[t,0] − mean over the visible 1 ≤ j < t of s[t,j].
class DeltaLogit : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "delta_logit",
             {"layer", "head"},
             "1",
             "sink logit Δlogit",
             "s[t,0] − mean over the visible 1 ≤ j < t of s[t,j], t ≥ 2, s the scaled scores with "
             "their bias; "
             "averaged per current token over all sequences, then over the plain (non-trigger) "
             "tokens that occur (Guo et al., 2410.13835); NaN without such a query"}};
  }
  bool of_attention() const override { return true; }
  // Of each head the means of all layers, and while a layer is measured those of each sequence.
  int64_t held(const ModelConfig& m, const Dataset& data, int64_t at_once) const override {
    return Shape{m.layers + at_once, m.heads, data.vocabulary(), sizeof(Mean)}.size();
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads * c_.data->vocabulary(), {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, V = c_.data->vocabulary();
    reduce_heads(view, c_.heads, V, means_, [&](int64_t b, int64_t h, Mean* row) {
      const float* s = view.map(view.scores, b, h);
      const int32_t* inputs = &view.batch->inputs[b * T];
      for (int64_t t = 2; t < view.length(b); ++t) {
        if (c_.data->query_role(inputs, t) != kPlain || !view.visible(b, t).contains(0)) continue;
        Mean others;
        for (const KeyRange& keys : view.visible(b, t).ranges())
          for (int64_t j = std::max<int64_t>(1, keys.begin); j < std::min(t, keys.end); ++j)
            others.add(s[t * T + j]);
        if (others.count > 0) row[inputs[t]].add(s[t * T] - others.value());
      }
    });
  }
  void finish() override {
    const int64_t V = c_.data->vocabulary();
    std::vector<Mean> of_tokens(c_.layers * c_.heads);
    for (int64_t i = 0; i < std::ssize(means_); ++i)
      if (means_[i].count > 0) of_tokens[i / V].add(means_[i].value());
    values_ = {values_of(of_tokens)};
  }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;  // per head and current token
};

}  // namespace

RegisteredMetric delta_logit_metric() { return {"delta_logit", make_metric<DeltaLogit>}; }

}  // namespace waiver
