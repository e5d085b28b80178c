#include "core/math.h"
#include "model/attention/registry.h"

namespace waiver {
namespace {

/// A_j = e^{s_j} / Σ e^{s}.
class Softmax : public Normalizer {
 public:
  std::unique_ptr<Normalizer> clone() const override { return std::make_unique<Softmax>(*this); }

  void forward(float* row, int64_t n) const override {
    float top = row[0], sum = 0;
#pragma omp simd reduction(max : top)
    for (int64_t j = 0; j < n; ++j) top = row[j] > top ? row[j] : top;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; ++j) {
      row[j] = fast_exp(row[j] - top);
      sum += row[j];
    }
    const float scale = 1.0f / sum;
    for (int64_t j = 0; j < n; ++j) row[j] *= scale;
  }

  void backward(const float* row, float* grad, int64_t n) const override {
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t j = 0; j < n; ++j) dot += row[j] * grad[j];
    for (int64_t j = 0; j < n; ++j) grad[j] = row[j] * (grad[j] - dot);
  }
};

}  // namespace

std::unique_ptr<Normalizer> make_softmax() { return std::make_unique<Softmax>(); }

}  // namespace waiver
