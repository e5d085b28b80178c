#include "probe/metrics/reduce.h"

namespace waiver {
namespace {

/// How far the tokens of a sequence are from being identical.
class OverMixing : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "over_mixing",
             {"layer"},
             "1",
             "distance from over-mixing",
             "‖X − (1/T) 1 1ᵀ X‖_F, X [T, C] the residual stream after the block, mean over "
             "sequences; small: tokens have become alike (at the last layer: Barbero et al., "
             "2504.02732)",
             at_least(0)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, C = c_.width;
    reduce_heads(view, 1, 1, means_, [&](int64_t b, int64_t, Mean* row) {
      const int64_t n = view.length(b);
      std::vector<double> mean(C, 0.0);
      for (int64_t t = 0; t < n; ++t)
        for (int64_t c = 0; c < C; ++c)
          mean[c] += view.resid.row(b * T + t)[c] / static_cast<double>(n);
      double sum = 0;
      for (int64_t t = 0; t < n; ++t)
        for (int64_t c = 0; c < C; ++c) {
          const double d = view.resid.row(b * T + t)[c] - mean[c];
          sum += d * d;
        }
      row->add(std::sqrt(sum));
    });
  }
  void finish() override { values_ = {values_of(means_)}; }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace

RegisteredMetric over_mixing_metric() { return {"over_mixing", make_metric<OverMixing>}; }

}  // namespace waiver
