#include <algorithm>
#include <numeric>

#include "core/singular.h"
#include "probe/metrics/reduce.h"

namespace waiver {
namespace {

// Adds that of the spectrum σ_j², where it has more than one number and is not all 0.
void add_entropy(const std::vector<double>& squares, Mean& mean) {
  const double total = std::accumulate(squares.begin(), squares.end(), 0.0);
  if (total == 0 || squares.size() == 1) return;
  double sum = 0;
  for (const double square : squares)
    if (const double p = square / total; p > 0 || std::isnan(p)) sum -= p * std::log(p);
  mean.add(sum / std::log(static_cast<double>(squares.size())));
}

/// How evenly the hidden states of a sequence spread over directions.
class MatrixEntropy : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "matrix_entropy",
             {"layer"},
             "1",
             "matrix entropy",
             "−Σ_j p_j log p_j ÷ log min(T, C), p_j = σ_j² ÷ ‖X‖_F², X [T, C] the residual stream "
             "after the block, mean over the sequences whose X is not 0; 0: one direction, 1: all "
             "directions alike (Queipo-de-Llano et al., 2510.06477); NaN where T or C is 1",
             between(0, 1)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens;
    reduce_heads(view, 1, 1, means_, [&](int64_t b, int64_t, Mean* row) {
      const Tensor& x = view.resid;
      add_entropy(squared_singular_values(x.row(b * T), view.length(b), c_.width, x.stride()),
                  *row);
    });
  }
  void finish() override { values_ = {values_of(means_)}; }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace

RegisteredMetric matrix_entropy_metric() {
  return {"matrix_entropy", make_metric<MatrixEntropy>, When::on_demand};
}

}  // namespace waiver
