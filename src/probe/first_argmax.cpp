#include <algorithm>

#include "probe/reduce.h"

namespace waiver {
namespace {

float largest(const float* x, int64_t n) {
  float top = 0;
#pragma omp simd reduction(max : top)
  for (int64_t k = 0; k < n; ++k) top = std::max(top, x[k]);
  return top;
}

/// How often the first key has the largest weight.
class FirstArgmax : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "first_argmax_share",
             {"layer", "head"},
             "1",
             "first-argmax share",
             "share of the queries, the first included, whose largest weight is on key 0 and above "
             "0; its mean over layers and heads is the share of Kaul et al. (2410.17174)",
             between(0, 1)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    sums_.assign(c_.layers * c_.heads, 0.0);
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens;
    reduce_heads(view, c_.heads, 1, sums_, [&](int64_t b, int64_t h, double* row) {
      const float* A = view.map(view.pattern, b, h);
      for (int64_t i = 0; i < T; ++i) {
        float top = 0;
        for (const KeyRange& keys : view.visible(b, i).ranges())
          top = std::max(top, largest(A + i * T + keys.begin, keys.size()));
        *row += A[i * T] > 0 && A[i * T] >= top;
      }
    });
  }
  void finish() override {
    values_ = {mean_of(sums_, static_cast<double>(c_.sequences * c_.tokens))};
  }

 private:
  ProbeContext c_;
  std::vector<double> sums_;
};

}  // namespace

std::unique_ptr<Metric> make_first_argmax() { return std::make_unique<FirstArgmax>(); }

}  // namespace waiver
