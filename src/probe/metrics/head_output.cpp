#include "core/products/gemm.h"
#include "core/scratch.h"
#include "probe/metrics/reduce.h"

namespace waiver {
namespace {

/// How much a head contributes, on its own and relative to the others of its block.
class HeadOutput : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> per_head = {"layer", "head"};
    return {
        {"", "head_output_norm", per_head, "1", "norm of a head's output",
         "‖Σ_k A[i,k] v_k‖, mean over queries i and sequences; k runs over tokens; contributions "
         "of sink tokens and a slot, the gate, and the output projection are left out",
         at_least(0)},
        {"", "head_output_ratio", per_head, "1", "output of a head relative to its block's",
         "mean over queries of ‖Σ_k A[i,k] v_k‖ ÷ the same averaged over the heads of the "
         "block, in the same sequence; mean over the sequences where that is not 0. Far below "
         "1: an inactive head, whatever it attends to (Sandoval-Segura et al., 2504.03889)",
         at_least(0)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * 2 * c_.heads, {});
  }
  void layer(const LayerView& view) override {
    const int64_t H = c_.heads;
    reduce_heads(view, 1, 2 * H, means_, [&](int64_t b, int64_t, Mean* row) {
      std::vector<double> norms(H);
      double mean = 0;
      for (int64_t h = 0; h < H; ++h) mean += (norms[h] = mean_norm(view, b, h)) / H;
      for (int64_t h = 0; h < H; ++h) {
        row[h].add(norms[h]);
        if (mean != 0) row[H + h].add(norms[h] / mean);
      }
    });
  }
  void finish() override { values_ = values_of_each(means_, 2, c_.heads); }

 private:
  // Over the queries of sequence b, of head h's output.
  double mean_norm(const LayerView& view, int64_t b, int64_t h) const {
    const int64_t T = c_.tokens, n = view.length(b), D = c_.head_width;
    Scratch memory;
    float* out = memory.floats(n * D);
    gemm(Op::plain, Op::plain, n, D, n, 1.0f, view.map(view.pattern, b, h), T, view.value(b, 0, h),
         view.qkv.stride(), 0.0f, out, D);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += norm(out + i * D, D);
    return sum / static_cast<double>(n);
  }

  ProbeContext c_;
  std::vector<Mean> means_;  // per layer: H norms, H ratios
};

}  // namespace

RegisteredMetric head_output_metric() {
  return {"head_output", make_metric<HeadOutput>, When::on_demand};
}

}  // namespace waiver
