#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"

namespace waiver {
namespace {

/// Attention to added keys, which belong to no token, and their sink rate.
class AddedAttention : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> axes = {"layer", "head", "added"};
    return {{"", "added_attention", axes, "1", "attention to an added key",
             "mean over the tokens' queries of A[i,*], * the sink tokens in order, then the key of "
             "model.attention.slot; then over sequences",
             at_least(0)},
            {"", "added_sink_rate", axes, "1", "sink rate of an added key",
             "share of sequences whose mean over queries of A[i,*] exceeds probe.sink_threshold; "
             "its mean over layers and heads is Sink_* (Gu et al., 2410.10781)",
             between(0, 1)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads * 2 * c_.added, {});
  }
  void layer(const LayerView& view) override {
    const int64_t A = c_.added;
    reduce_heads(view, c_.heads, 2 * A, means_, [&](int64_t b, int64_t h, Mean* row) {
      const int64_t n = view.length(b);
      std::vector<double> sums(A, 0.0);
      for (int64_t i = 0; i < n; ++i) {
        const double whole = divisor(view, b, h, i) * static_cast<double>(n);
        for (int64_t a = 0; a < A; ++a) sums[a] += view.added_row(b, h, i)[a] / whole;
      }
      for (int64_t a = 0; a < A; ++a) {
        row[a].add(sums[a]);
        row[A + a].add(sums[a] > c_.config.sink_threshold);
      }
    });
  }
  void finish() override { values_ = values_of_each(means_, 2, c_.added); }

 protected:
  /// What query i's weights are divided by.
  virtual double divisor(const LayerView&, int64_t /*b*/, int64_t /*h*/, int64_t /*i*/) const {
    return 1;
  }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;  // per head: A weights, A ones where a sequence has a sink
};

/// The same where weights are not shares, of the proxy.
class ProxyAddedAttention : public AddedAttention {
 public:
  std::vector<SeriesSpec> series() const override {
    std::vector<SeriesSpec> out = AddedAttention::series();
    for (SeriesSpec& spec : out) {
      spec.name = "proxy_" + spec.name;
      spec.long_name += " *";
      spec.range = between(0, 1);
      spec.description +=
          "; of the proxy A[i,*] ÷ (Σ_j A[i,j] + 1e-8), j over all keys, because this "
          "normalizer's weights are not shares";
    }
    return out;
  }

 protected:
  double divisor(const LayerView& view, int64_t b, int64_t h, int64_t i) const override {
    const int64_t T = view.batch->tokens;
    return proxy_divisor(view.map(view.pattern, b, h) + i * T, T, view.added_row(b, h, i),
                         view.added.dim(3));
  }
};

/// Whether added keys drain their values.
class AddedValues : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "added_value_ratio",
             {"layer", "head", "added"},
             "1",
             "value ratio of an added key",
             "‖W_O^h v_*‖ ÷ median over the tokens j of ‖W_O^h v_j‖ in the same sequence, mean "
             "over the sequences whose median is not 0; 0 for a slot without value",
             at_least(0)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads * c_.added, {});
  }
  void layer(const LayerView& view) override {
    const int64_t A = c_.added;
    reduce_heads(view, c_.heads, A, means_, [&](int64_t b, int64_t h, Mean* row) {
      const double middle = median_value_norm(view, b, h);
      for (int64_t a = 0; a < A && middle != 0; ++a)
        row[a].add(view.added_value_norms[h * A + a] / middle);
    });
  }
  void finish() override { values_ = {values_of(means_)}; }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace

RegisteredMetric added_attention_metric() {
  return {"added_attention", make_metric<AddedAttention>, When::training, &suited::has_added_keys};
}

RegisteredMetric proxy_added_metric() {
  return {"proxy_added", make_metric<ProxyAddedAttention>, When::training,
          &suited::unnormalized_added_keys};
}

RegisteredMetric added_values_metric() {
  return {"added_values", make_metric<AddedValues>, When::training, &suited::has_added_keys};
}

}  // namespace waiver
