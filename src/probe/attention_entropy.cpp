#include "core/math.h"
#include "probe/reduce.h"

namespace waiver {
namespace {

// −Σ A log A over n weights; those below the smallest normal number count as 0.
double entropy(const float* A, int64_t n) {
  constexpr float least = 1.17549435e-38f;
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < n; ++k) {
    const float a = A[k];
    sum -= a < least ? 0.0f : a * fast_log(a < least ? least : a);
  }
  return sum;
}

/// −Σ_k A log A per query, averaged.
class AttentionEntropy : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "attention_entropy",
             {"layer", "head"},
             "nat",
             "attention entropy",
             "−Σ_k A[i,k] log A[i,k], mean over queries and sequences; at least 0 where "
             "weights are shares"}};
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
        for (const KeyRange& keys : view.visible(b, i).ranges())
          *row += entropy(A + i * T + keys.begin, keys.size());
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

std::unique_ptr<Metric> make_attention_entropy() { return std::make_unique<AttentionEntropy>(); }

}  // namespace waiver
