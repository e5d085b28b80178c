#include <algorithm>
#include <functional>

#include "probe/reduce.h"

namespace waiver {
namespace {

/// The largest sizes in the residual stream against the median one (Sun et al., 2402.17762).
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
         "largest |h| ÷ median of |h| in the same sequence, mean over sequences; for models too "
         "small for massive_activations",
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
    sums_.assign(c_.layers * (kSizes + c_.tokens), 0.0);
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, C = c_.width;
    reduce_heads(view, 1, kSizes + T, sums_, [&](int64_t b, int64_t, double* row) {
      const float* h = view.resid.row(b * T);
      std::vector<double> sizes(T * C);
      for (int64_t i = 0; i < T * C; ++i) sizes[i] = std::abs(h[i]);
      std::partial_sort_copy(sizes.begin(), sizes.end(), row, row + 3, std::greater<>());
      const double middle = row[3] = median(sizes);
      row[4] = middle > 0 ? row[0] / middle : 0.0;
      for (int64_t i = 0; i < T * C; ++i)
        row[kSizes + i / C] += std::abs(h[i]) > 100 && std::abs(h[i]) > 1000 * middle;
    });
  }
  void finish() override {
    const std::vector<float> means = mean_of(sums_, static_cast<double>(c_.sequences));
    values_.assign(kSizes + 1, {});
    for (auto at = means.begin(); at != means.end(); at += kSizes + c_.tokens) {
      for (int64_t which = 0; which < kSizes; ++which) values_[which].push_back(at[which]);
      values_[kSizes].insert(values_[kSizes].end(), at + kSizes, at + kSizes + c_.tokens);
    }
  }

 private:
  static constexpr int64_t kSizes = 5;  // three largest, median, ratio
  ProbeContext c_;
  std::vector<double> sums_;
};

}  // namespace

std::unique_ptr<Metric> make_massive_activations() {
  return std::make_unique<MassiveActivations>();
}

}  // namespace waiver
