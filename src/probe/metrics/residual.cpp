#include "probe/metrics/reduce.h"

namespace waiver {
namespace {

/// ‖h_l[k]‖ after every block, and how far it stands out.
class Residual : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> axes = {"layer", "position"};
    return {{"", "residual_norm", axes, "1", "residual norm",
             "‖h[k]‖ of the residual stream after the block, mean over sequences", at_least(0)},
            {"", "residual_peak", axes, "1", "residual peak",
             "‖h[k]‖ − mean over t ≠ k of ‖h[t]‖ in the same sequence, mean over sequences (Guo et "
             "al., 2410.13835)"},
            {"", "residual_ratio", axes, "1", "residual ratio",
             "‖h[k]‖ ÷ mean over t ≠ k of ‖h[t]‖ in the same sequence, mean over the sequences in "
             "which that is not 0",
             at_least(0)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * 3 * c_.tokens, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens;
    reduce_heads(view, 1, 3 * T, means_, [&](int64_t b, int64_t, Mean* row) {
      const StreamNorms norms = stream_norms(view, b, c_.width);
      for (int64_t t = 0; t < view.length(b); ++t) {
        const double own = norms.own[t], others = norms.others[t];
        row[t].add(own);
        if (std::isnan(others)) continue;
        row[T + t].add(own - others);
        if (others != 0) row[2 * T + t].add(own / others);
      }
    });
  }
  void finish() override { values_ = values_of_each(means_, 3, c_.tokens); }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace

RegisteredMetric residual_metric() { return {"residual", make_metric<Residual>}; }

}  // namespace waiver
