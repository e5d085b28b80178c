#include <algorithm>
#include <cmath>

#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"

namespace waiver {
namespace {

// 1 − cos(x, y) of two vectors [C]; NaN where one has norm 0.
double cosine_distance(const float* x, const float* y, int64_t C) {
  double product = 0, of_x = 0, of_y = 0;
  for (int64_t c = 0; c < C; ++c) {
    product += double{x[c]} * y[c];
    of_x += double{x[c]} * x[c];
    of_y += double{y[c]} * y[c];
  }
  return 1.0 - product / std::sqrt(of_x * of_y);
}

/// How far the output is from that of the natural pass, where nothing says what would be right.
class OutputDistance : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {
        {"",
         "output_distance",
         {},
         "1",
         "distance of the output from that of the natural pass",
         "1 − cos(h, h'), h the residual stream after the last norm and h' in the natural pass, "
         "mean over tokens and sequences; 0 in the natural pass",
         between(0, 2)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    mean_.assign(1, {});
    done_ = 0;
    if (c_.natural) natural_.clear();
  }
  void logits(const Tensor& h, const Batch& batch) override {
    const int64_t T = batch.tokens, C = h.dim(1);
    if (c_.natural) natural_.insert(natural_.end(), h.data, h.data + h.size());
    std::vector<Mean> rows(batch.batch);
    parallel_tiles(batch.batch, [&](int64_t b) {
      const int64_t length = c_.data->length(&batch.inputs[b * T], T);
      for (int64_t n = b * T; n < b * T + length; ++n) {
        const double distance =
            c_.natural ? 0.0 : cosine_distance(h.row(n), &natural_[done_ + n * C], C);
        if (!std::isnan(distance)) rows[b].add(distance);
      }
    });
    for (const Mean& row : rows) mean_[0].add(row);
    done_ += h.size();
  }
  void finish() override { values_ = {values_of(mean_)}; }

 private:
  ProbeContext c_;
  std::vector<Mean> mean_;
  std::vector<float> natural_;  // [B·T, C]
  int64_t done_ = 0;            // numbers of it, in this pass
};

}  // namespace

RegisteredMetric output_distance_metric() {
  return {"output_distance", make_metric<OutputDistance>, When::always, &suited::without_logits};
}

}  // namespace waiver
