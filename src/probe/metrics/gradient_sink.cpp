#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"

namespace waiver {
namespace {

/// Where the gradient concentrates at the input of attention.
class GradientSink : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "gradient_sink",
             {"layer", "position"},
             "1",
             "gradient sink",
             "‖∂L/∂x[k]‖ ÷ mean over t ≠ k of ‖∂L/∂x[t]‖ in the same sequence, mean over the "
             "sequences whose other gradients are not all 0 (2603.17771); x is the input of the "
             "query, key and value projections, L the loss. Where attention has no norm before it, "
             "x is the residual stream and all that follows it "
             "counts",
             at_least(0)}};
  }
  bool of_attention() const override { return true; }
  bool of_gradients() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.tokens, {});
  }
  void gradient(int64_t layer, const Tensor& grad, const Batch& batch) override {
    const int64_t T = c_.tokens;
    std::vector<double> norms(T);
    for (int64_t b = 0; b < batch.batch; ++b) {
      const int64_t n = c_.data->length(&batch.inputs[b * T], T);
      double total = 0;
      for (int64_t t = 0; t < n; ++t) total += norms[t] = norm(grad.row(b * T + t), c_.width);
      for (int64_t t = 0; t < n; ++t)
        if (const double others = total - norms[t]; others != 0)
          means_[layer * T + t].add(norms[t] / (others / static_cast<double>(n - 1)));
    }
  }
  void finish() override { values_ = {values_of(means_)}; }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace

RegisteredMetric gradient_sink_metric() {
  return {"gradient_sink", make_metric<GradientSink>, When::on_demand, &suited::with_logits};
}

}  // namespace waiver
