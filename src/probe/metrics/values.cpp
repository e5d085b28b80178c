#include "probe/metrics/reduce.h"

namespace waiver {
namespace {

/// ‖v_k‖, ‖W_O^h v_k‖, the value ratio r_V and the contribution share c_k.
class Values : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> per_key = {"layer", "head", "key"};
    return {
        {"", "value_norm", per_key, "1", "value norm", "‖v_k‖, mean over sequences", at_least(0)},
        {"", "output_value_norm", per_key, "1", "value norm after the output projection",
         "‖W_O^h v_k‖, mean over sequences", at_least(0)},
        {"", "value_ratio", per_key, "1", "value ratio r_V",
         "‖W_O^h v_k‖ ÷ median over the tokens j of ‖W_O^h v_j‖ in the same sequence, mean over "
         "the "
         "sequences whose median is not 0",
         at_least(0)},
        {"", "contribution_share", per_key, "1", "contribution share c_k",
         "Σ_i A[i,k] ‖W_O^h v_k‖ ÷ Σ_i Σ_j A[i,j] ‖W_O^h v_j‖ in the same sequence, mean over the "
         "sequences whose sum is not 0; j runs over tokens; what sink tokens and a slot give is "
         "left "
         "out",
         between(0, 1)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads * 4 * c_.tokens, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens;
    reduce_heads(view, c_.heads, 4 * T, means_, [&](int64_t b, int64_t h, Mean* row) {
      const double *raw = view.of_values(view.value_norms, b, h),
                   *norms = view.of_values(view.output_value_norms, b, h),
                   *received = view.received_by_keys(b, h);
      const int64_t n = view.length(b);
      std::vector<double> given(n);
      double total = 0;
      for (int64_t t = 0; t < n; ++t) {
        row[t].add(raw[t]);
        row[T + t].add(norms[t]);
        total += given[t] = received[t] * norms[t];
      }
      const double middle = median_value_norm(view, b, h);
      for (int64_t t = 0; t < n; ++t) {
        if (middle != 0) row[2 * T + t].add(norms[t] / middle);
        if (total != 0) row[3 * T + t].add(given[t] / total);
      }
    });
  }
  void finish() override { values_ = values_of_each(means_, 4, c_.tokens); }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;  // per head: T norms, T projected norms, T ratios, T shares
};

}  // namespace

RegisteredMetric values_metric() { return {"values", make_metric<Values>}; }

}  // namespace waiver
