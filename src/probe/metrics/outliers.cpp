#include <algorithm>

#include "probe/metrics/reduce.h"

namespace waiver {
namespace {

struct Moments {
  double largest = 0, kurtosis = 0;
};

// Of the n numbers of one sequence.
Moments moments(const float* x, int64_t n) {
  double sum = 0, second = 0, fourth = 0;
  float top = 0;
#pragma omp simd reduction(+ : sum) reduction(max : top)
  for (int64_t i = 0; i < n; ++i) {
    sum += x[i];
    top = std::max(top, std::abs(x[i]));
  }
  const auto count = static_cast<double>(n);
  const double mean = sum / count;
#pragma omp simd reduction(+ : second, fourth)
  for (int64_t i = 0; i < n; ++i) {
    const double square = (x[i] - mean) * (x[i] - mean);
    second += square;
    fourth += square * square;
  }
  const double variance = second / count;
  return {top, fourth / count / (variance * variance + 1e-6)};
}

/// Largest magnitude and kurtosis of a tensor [B·T, C], over the T·C numbers of each sequence.
class Outliers : public Metric {
 public:
  explicit Outliers(bool of_attention) : of_attention_(of_attention) {}
  std::vector<SeriesSpec> series() const override {
    const std::string prefix = of_attention_ ? "attention_" : "residual_";
    const std::string what =
        of_attention_
            ? "x is what attention adds to the residual stream, after the second norm of sandwich"
            : "x is the residual stream after the block";
    return {{"",
             prefix + "max_norm",
             {"layer"},
             "1",
             "max-inf norm",
             "max |x| over positions and channels, mean over sequences; " + what +
                 " (Bondarenko et al., 2306.12929)",
             at_least(0)},
            {"",
             prefix + "kurtosis",
             {"layer"},
             "1",
             "kurtosis",
             "E(x − μ)⁴ ÷ (σ⁴ + 1e-6) over positions and channels, mean over sequences; " + what +
                 " (Bondarenko et al., 2306.12929)",
             at_least(0)}};
  }
  bool of_attention() const override { return of_attention_; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * 2, {});
  }
  void layer(const LayerView& view) override {
    const Tensor& x = of_attention_ ? view.attention_added : view.resid;
    const int64_t T = c_.tokens;
    reduce_heads(view, 1, 2, means_, [&](int64_t b, int64_t, Mean* row) {
      const Moments m = moments(x.row(b * T), view.length(b) * c_.width);
      row[0].add(m.largest);
      row[1].add(m.kurtosis);
    });
  }
  void finish() override { values_ = values_of_each(means_, 2, 1); }

 private:
  bool of_attention_;
  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace

RegisteredMetric outliers_metric() {
  return {"outliers",
          []() -> std::unique_ptr<Metric> { return std::make_unique<Outliers>(false); }};
}

RegisteredMetric attention_outliers_metric() {
  return {"attention_outliers",
          []() -> std::unique_ptr<Metric> { return std::make_unique<Outliers>(true); }};
}

}  // namespace waiver
