#include "core/gemm.h"
#include "probe/reduce.h"

namespace waiver {
namespace {

/// ‖q_i‖, ‖k_k‖ and the mean cosine between a key and the queries that see it.
class Keys : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "query_norm",
             {"layer", "head", "query"},
             "1",
             "query norm",
             "‖q_i‖, mean over sequences",
             at_least(0)},
            {"",
             "key_norm",
             {"layer", "head", "key"},
             "1",
             "key norm",
             "‖k_k‖, mean over sequences",
             at_least(0)},
            {"",
             "key_cosine",
             {"layer", "head", "key"},
             "1",
             "key cosine",
             "mean over the queries i that see key k of cos(q_i, k_k), then over sequences (Gu et "
             "al., 2410.10781)",
             between(-1, 1)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    sums_.assign(c_.layers * c_.heads * 3 * c_.tokens, 0.0);
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, C = c_.width, D = c_.head_width();
    reduce_heads(view, c_.heads, 3 * T, sums_, [&](int64_t b, int64_t h, double* row) {
      const float *q = view.query(b, 0) + h * D, *k = q + C;
      float* dots = scratch(0, T * T);
      gemm(Op::plain, Op::transposed, T, T, D, 1.0f, q, 3 * C, k, 3 * C, 0.0f, dots, T);
      for (int64_t t = 0; t < T; ++t) {
        row[t] = norm(q + t * 3 * C, D);
        row[T + t] = norm(k + t * 3 * C, D);
      }
      add_mean_cosines(view, b, dots, row);
    });
  }
  void finish() override {
    values_ = means_of_each(sums_, static_cast<double>(c_.sequences), 3, c_.tokens);
  }

 private:
  // row: T query norms, T key norms, then the T means.
  void add_mean_cosines(const LayerView& view, int64_t b, const float* dots, double* row) const {
    const int64_t T = c_.tokens;
    std::vector<double> queries(T, 0.0);
    double *sums = row + 2 * T, *key_norms = row + T;
    for (int64_t i = 0; i < T; ++i) {
      const double inverse = row[i] > 0 ? 1.0 / row[i] : 0.0;
      for (const KeyRange& keys : view.visible(b, i).ranges())
        for (int64_t k = keys.begin; k < keys.end; ++k) {
          sums[k] += dots[i * T + k] * inverse;
          queries[k] += 1;
        }
    }
    for (int64_t k = 0; k < T; ++k) {
      const double divisor = key_norms[k] * queries[k];
      sums[k] = divisor > 0 ? sums[k] / divisor : 0.0;
    }
  }

  ProbeContext c_;
  std::vector<double> sums_;  // per head: T query norms, T key norms, T cosines
};

}  // namespace

std::unique_ptr<Metric> make_keys() { return std::make_unique<Keys>(); }

}  // namespace waiver
