#include <algorithm>
#include <functional>

#include "core/statistics/order.h"
#include "probe/metrics/reduce.h"

namespace waiver {
namespace {

/// The largest magnitudes in the residual stream relative to the median (Sun et al., 2402.17762).
class MassiveActivations : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> axes = {"layer"};
    const std::string of = " |h| over positions and channels after the block, mean over sequences";
    return {
        {"", "activation_first", axes, "1", "largest activation",
         "largest" + of + " (Sun et al., 2402.17762)", at_least(0)},
        {"", "activation_second", axes, "1", "second largest activation", "second largest" + of,
         at_least(0)},
        {"", "activation_third", axes, "1", "third largest activation", "third largest" + of,
         at_least(0)},
        {"", "activation_median", axes, "1", "median activation", "median of" + of, at_least(0)},
        {"", "activation_ratio", axes, "1", "largest activation ÷ median",
         "largest |h| ÷ median of |h| in the same sequence, mean over the sequences whose median "
         "is "
         "not 0; for models too small for massive_activations",
         at_least(0)},
        {"",
         "massive_activations",
         {"layer", "position"},
         "1",
         "massive activations",
         "how many channels have |h| > 100 and |h| > 1000 × the median of |h| in their "
         "sequence, mean over sequences (Sun et al., 2402.17762)",
         at_least(0)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * (kSizes + c_.tokens), {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, C = c_.width;
    reduce_heads(view, 1, kSizes + T, means_, [&](int64_t b, int64_t, Mean* row) {
      const int64_t n = view.length(b);
      const float* h = view.resid.row(b * T);
      std::vector<double> sizes(n * C), largest(3, std::nan(""));
      for (int64_t i = 0; i < n * C; ++i) sizes[i] = std::abs(h[i]);
      std::partial_sort_copy(sizes.begin(), sizes.end(), largest.begin(), largest.end(),
                             std::greater<>());
      const double middle = median(sizes);
      for (int64_t i = 0; i < 3; ++i) row[i].add(largest[i]);
      row[3].add(middle);
      if (middle != 0) row[4].add(largest[0] / middle);
      for (int64_t t = 0; t < n; ++t)
        row[kSizes + t].add(static_cast<double>(massive_activations(h + t * C, C, middle)));
    });
  }
  void finish() override {
    const std::vector<float> means = values_of(means_);
    values_.assign(kSizes + 1, {});
    for (auto at = means.begin(); at != means.end(); at += kSizes + c_.tokens) {
      for (int64_t which = 0; which < kSizes; ++which) values_[which].push_back(at[which]);
      values_[kSizes].insert(values_[kSizes].end(), at + kSizes, at + kSizes + c_.tokens);
    }
  }

 private:
  static constexpr int64_t kSizes = 5;  // three largest, median, ratio
  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace

RegisteredMetric massive_activations_metric() {
  return {"massive_activations", make_metric<MassiveActivations>, When::on_demand};
}

}  // namespace waiver
