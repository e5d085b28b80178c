#include "core/statistics/order.h"
#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"

namespace waiver {
namespace {

/// Attention to added keys, which belong to no token, their sink rate and value.
class AddedAttention : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> axes = {"layer", "head", "added"};
    return {{"", "added_attention", axes, "1", "attention to an added key",
             "mean over the tokens' queries of A[i,*], * the sink tokens in order, then the key of "
             "model.attention.slot; then over sequences",
             at_least(0)},
            {"", "added_sink_rate", axes, "1", "sink rate of an added key",
             "share of sequences whose mean over queries of A[i,*] exceeds probe.sink_threshold; "
             "its mean over layers and heads is Sink_* (Gu et al., 2410.10781)",
             between(0, 1)},
            {"", "added_value_ratio", axes, "1", "value ratio of an added key",
             "‖W_O^h v_*‖ ÷ median over the tokens j of ‖W_O^h v_j‖ in the same sequence, mean "
             "over the sequences whose median is not 0; 0 for a slot without value",
             at_least(0)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads * 3 * c_.added, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, A = c_.added;
    reduce_heads(view, c_.heads, 3 * A, means_, [&](int64_t b, int64_t h, Mean* row) {
      const double* norms = view.of_values(view.output_value_norms, b, h);
      std::vector<double> sorted(norms, norms + T);
      const double middle = median(sorted);
      for (int64_t a = 0; a < A; ++a) {
        double sum = 0;
        for (int64_t i = 0; i < T; ++i) sum += view.added_row(b, h, i)[a] / static_cast<double>(T);
        row[a].add(sum);
        row[A + a].add(sum > c_.config.sink_threshold);
        if (middle != 0) row[2 * A + a].add(view.added_value_norms[h * A + a] / middle);
      }
    });
  }
  void finish() override { values_ = values_of_each(means_, 3, c_.added); }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;  // per head: A weights, A ones where a sequence has a sink, A ratios
};

}  // namespace

RegisteredMetric added_attention_metric() {
  return {"added_attention", make_metric<AddedAttention>, When::training, &suited::has_added_keys};
}

}  // namespace waiver
