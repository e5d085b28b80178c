#include "probe/reduce.h"

namespace waiver {
namespace {

/// s[t,0] − mean over the visible 1 ≤ j < t of s[t,j].
class DeltaLogit : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "delta_logit",
             {"layer", "head"},
             "1",
             "sink logit Δlogit",
             "s[t,0] − mean over the visible 1 ≤ j < t of s[t,j], t ≥ 2, s the scaled scores with "
             "their bias; "
             "averaged per current token, then over the plain (non-trigger) tokens that occur (Guo "
             "et al., 2410.13835)"}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    sums_.assign(c_.layers * c_.heads * 2 * c_.data->vocabulary(), 0.0);
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, V = c_.data->vocabulary();
    reduce_heads(view, c_.heads, 2 * V, sums_, [&](int64_t b, int64_t h, double* row) {
      const float* s = view.map(view.scores, b, h);
      const int32_t* inputs = &view.batch->inputs[b * T];
      for (int64_t t = 2; t < T; ++t) {
        if (c_.data->role(inputs, t) == Role::trigger || !view.visible(b, t).contains(0)) continue;
        double others = 0;
        int64_t count = 0;
        for (const KeyRange& keys : view.visible(b, t).ranges())
          for (int64_t j = std::max<int64_t>(1, keys.begin); j < std::min(t, keys.end);
               ++j, ++count)
            others += s[t * T + j];
        if (count == 0) continue;
        row[inputs[t]] += s[t * T] - others / static_cast<double>(count);
        row[V + inputs[t]] += 1;
      }
    });
  }
  void finish() override {
    const int64_t V = c_.data->vocabulary();
    std::vector<float> out(c_.layers * c_.heads);
    for (size_t i = 0; i < out.size(); ++i) {
      double sum = 0, tokens = 0;
      for (int64_t v = 0; v < V; ++v)
        if (const double count = sums_[i * 2 * V + V + v]; count > 0) {
          sum += sums_[i * 2 * V + v] / count;
          tokens += 1;
        }
      out[i] = static_cast<float>(tokens > 0 ? sum / tokens : 0.0);
    }
    values_ = {out};
  }

 private:
  ProbeContext c_;
  std::vector<double> sums_;  // per head: V sums, V counts
};

}  // namespace

std::unique_ptr<Metric> make_delta_logit() { return std::make_unique<DeltaLogit>(); }

}  // namespace waiver
