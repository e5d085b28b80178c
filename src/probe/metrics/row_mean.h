#pragma once

#include "probe/metrics/reduce.h"

namespace waiver {

/// A metric of each head: the mean over queries and sequences of one number per row of weights.
class RowMean : public Metric {
 public:
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads, {});
  }
  void layer(const LayerView& view) override {
    reduce_heads(view, c_.heads, 1, means_, [&](int64_t b, int64_t h, Mean* mean) {
      const float* A = view.map(view.pattern, b, h);
      for (int64_t i = 0; i < view.length(b); ++i)
        mean->add(of_row(A + i * c_.tokens, view.visible(b, i)));
    });
  }
  void finish() override { values_ = {values_of(means_)}; }

 private:
  /// The number for a query's weights on tokens [T], of which it sees `seen`.
  virtual double of_row(const float* A, const VisibleKeys& seen) const = 0;

  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace waiver
