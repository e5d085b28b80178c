#include "core/products/gemm.h"
#include "core/scratch.h"
#include "probe/metrics/reduce.h"

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
             "al., 2410.10781); vectors of norm 0 have none",
             between(-1, 1)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads * 3 * c_.tokens, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, D = c_.head_width, pitch = view.qkv.stride();
    reduce_heads(view, c_.heads, 3 * T, means_, [&](int64_t b, int64_t h, Mean* row) {
      const int64_t n = view.length(b);
      const float *q = view.query(b, 0, h), *k = view.key(b, 0, h);
      Scratch memory;
      float* dots = memory.floats(n * n);
      gemm(Op::plain, Op::transposed, n, n, D, 1.0f, q, pitch, k, pitch, 0.0f, dots, n);
      std::vector<double> key_norms(n);
      std::vector<Mean> projections(n);  // of a key on the directions of its queries
      for (int64_t t = 0; t < n; ++t) {
        const double query_norm = norm(q + t * pitch, D);
        row[t].add(query_norm);
        row[T + t].add(key_norms[t] = norm(k + t * pitch, D));
        if (query_norm == 0) continue;
        for (const KeyRange& keys : view.visible(b, t).ranges())
          for (int64_t j = keys.begin; j < keys.end; ++j)
            projections[j].add(dots[t * n + j] * (1.0 / query_norm));
      }
      for (int64_t t = 0; t < n; ++t)
        if (projections[t].count > 0 && key_norms[t] != 0)
          row[2 * T + t].add(projections[t].value() / key_norms[t]);
    });
  }
  void finish() override { values_ = values_of_each(means_, 3, c_.tokens); }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;  // per head: T query norms, T key norms, T cosines
};

}  // namespace

RegisteredMetric keys_metric() { return {"keys", make_metric<Keys>}; }

}  // namespace waiver
