#include "core/gemm.h"
#include "probe/reduce.h"

namespace waiver {
namespace {

/// ‖v_k‖, ‖W_O^h v_k‖, the value ratio r_V and the contribution share c_k.
class Values : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> per_key = {"layer", "head", "key"};
    return {
        {"", "value_norm", per_key, "1", "value norm", "‖v_k‖, mean over sequences", at_least(0)},
        {"", "output_value_norm", per_key, "1", "value norm after the output projection",
         "‖W_O^h v_k‖, mean over sequences", at_least(0)},
        {"", "value_ratio", per_key, "1", "value ratio r_V",
         "‖W_O^h v_k‖ ÷ median over j of ‖W_O^h v_j‖ in the same sequence, mean over sequences",
         at_least(0)},
        {"", "contribution_share", per_key, "1", "contribution share c_k",
         "Σ_i A[i,k] ‖W_O^h v_k‖ ÷ Σ_i Σ_j A[i,j] ‖W_O^h v_j‖ in the same sequence, mean over "
         "sequences",
         between(0, 1)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    sums_.assign(c_.layers * c_.heads * 4 * c_.tokens, 0.0);
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, C = c_.width, D = c_.head_width();
    const Tensor& W = c_.model->output_projection(view.layer);
    reduce_heads(view, c_.heads, 4 * T, sums_, [&](int64_t b, int64_t h, double* row) {
      const float* v = view.query(b, 0) + 2 * C + h * D;
      float* out = scratch(0, T * C);
      gemm(Op::plain, Op::plain, T, C, D, 1.0f, v, 3 * C, W.row(h * D), C, 0.0f, out, C);
      for (int64_t t = 0; t < T; ++t) {
        row[t] = norm(v + t * 3 * C, D);
        row[T + t] = norm(out + t * C, C);
      }
      std::vector<double> norms(row + T, row + 2 * T);
      const double middle = median(norms);
      for (int64_t t = 0; t < T; ++t) row[2 * T + t] = middle > 0 ? row[T + t] / middle : 0.0;
      add_shares(view, b, h, row);
    });
  }
  void finish() override {
    values_ = means_of_each(sums_, static_cast<double>(c_.sequences), 4, c_.tokens);
  }

 private:
  void add_shares(const LayerView& view, int64_t b, int64_t h, double* row) const {
    const int64_t T = c_.tokens;
    double *shares = row + 3 * T, total = 0;
    const double* received = view.received_by_keys(b, h);
    for (int64_t t = 0; t < T; ++t) total += shares[t] = received[t] * row[T + t];
    for (int64_t t = 0; t < T; ++t) shares[t] = total > 0 ? shares[t] / total : 0.0;
  }

  ProbeContext c_;
  std::vector<double> sums_;  // per head: T norms, T projected norms, T ratios, T shares
};

}  // namespace

std::unique_ptr<Metric> make_values() { return std::make_unique<Values>(); }

}  // namespace waiver
