#include "core/math.h"
#include "probe/metrics/row_mean.h"

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
class AttentionEntropy : public RowMean {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "attention_entropy",
             {"layer", "head"},
             "nat",
             "attention entropy",
             "−Σ_k A[i,k] log A[i,k] over the tokens k, excluding sink tokens and a slot, mean "
             "over queries and sequences; at least 0 where weights are shares"}};
  }

 private:
  double of_row(const float* A, const VisibleKeys& seen) const override {
    double sum = 0;
    for (const KeyRange& keys : seen.ranges()) sum += entropy(A + keys.begin, keys.size());
    return sum;
  }
};

}  // namespace

RegisteredMetric attention_entropy_metric() {
  return {"attention_entropy", make_metric<AttentionEntropy>};
}

}  // namespace waiver
