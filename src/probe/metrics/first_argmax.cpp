#include <algorithm>

#include "probe/metrics/row_mean.h"

namespace waiver {
namespace {

float largest(const float* x, int64_t n) {
  float top = 0;
#pragma omp simd reduction(max : top)
  for (int64_t k = 0; k < n; ++k) top = std::max(top, x[k]);
  return top;
}

/// How often the first key has the largest weight.
class FirstArgmax : public RowMean {
 public:
  std::vector<SeriesSpec> series() const override {
    return {
        {"",
         "first_argmax_share",
         {"layer", "head"},
         "1",
         "first-argmax share",
         "share of the queries, including the first, whose largest weight on a token (excluding "
         "sink tokens and a slot) is on key 0 and above 0; its mean over layers and heads is the "
         "share of Kaul et al. (2410.17174)",
         between(0, 1)}};
  }

 private:
  double of_row(const float* A, const VisibleKeys& seen) const override {
    float top = 0;
    for (const KeyRange& keys : seen.ranges())
      top = std::max(top, largest(A + keys.begin, keys.size()));
    return A[0] > 0 && A[0] >= top;
  }
};

}  // namespace

RegisteredMetric first_argmax_metric() { return {"first_argmax", make_metric<FirstArgmax>}; }

}  // namespace waiver
