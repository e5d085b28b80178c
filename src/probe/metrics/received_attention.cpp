#include <algorithm>

#include "core/scratch.h"
#include "probe/metrics/by_role.h"
#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"

namespace waiver {
namespace {

/// α_k, its enrichment and the sink rate, from the weights A [T, T] or their proxy.
class ReceivedAttention : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> per_key = {"layer", "head", "key"};
    return {
        {"", "received_attention", per_key, "1", "received attention α_k",
         "mean over the queries i ≠ k that see key k of A[i,k], then over the sequences that have "
         "one; causal: i > k, and NaN for the last key",
         at_least(0)},
        {"", "received_attention_inclusive", per_key, "1", "received attention, i = k included",
         "mean over the queries i that see key k of A[i,k], then over sequences; causal: i ≥ k, "
         "the form used in the literature",
         at_least(0)},
        {"", "enrichment", per_key, "1", "enrichment E_k",
         "α_k of a sequence divided by its value under uniform attention over the tokens that each "
         "query sees, mean over the sequences that have one; NaN like α_k",
         at_least(0)},
        {"", "sink_rate", per_key, "1", "sink rate",
         "share of sequences whose received_attention_inclusive exceeds probe.sink_threshold; its "
         "mean over layers and heads at key k is Sink_k (Gu et al., 2410.10781)",
         between(0, 1)}};
  }

  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads * 4 * c_.tokens, {});
  }

  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens;
    const std::vector<Viewers> viewers = count_viewers(view, *c_.data, 1);
    reduce_heads(view, c_.heads, 4 * T, means_, [&](int64_t b, int64_t h, Mean* row) {
      std::vector<double> all(T), own(T);
      add_weights(view, b, h, all.data(), own.data());
      for (int64_t k = 0; k < view.length(b); ++k) {
        const Viewers& seen = viewers[b * T + k];
        const double whole = seen.count + (view.visible(b, k).contains(k) ? 1 : 0);
        const double others = all[k] - own[k], inclusive = all[k] / whole;
        if (seen.count > 0) row[k].add(others / seen.count);
        if (whole > 0) row[T + k].add(inclusive);
        if (seen.count > 0) row[2 * T + k].add(others / seen.uniform);
        if (whole > 0) row[3 * T + k].add(inclusive > c_.config.sink_threshold);
      }
    });
  }

  void finish() override { values_ = values_of_each(means_, 4, c_.tokens); }

 protected:
  /// Accumulates what each key of a sequence receives from all queries, and from its own, [T] each.
  virtual void add_weights(const LayerView& view, int64_t b, int64_t h, double* all,
                           double* own) const {
    const int64_t T = view.batch->tokens;
    const float* A = view.map(view.pattern, b, h);
    std::copy_n(view.received_by_keys(b, h), T, all);
    for (int64_t k = 0; k < view.length(b); ++k) own[k] = A[k * T + k];
  }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;  // per head: T of each series
};

/// The same where weights are not shares: Gu et al. (2410.10781) normalise them to shares for
/// measuring.
class ProxyAttention : public ReceivedAttention {
 public:
  std::vector<SeriesSpec> series() const override {
    std::vector<SeriesSpec> out = ReceivedAttention::series();
    for (SeriesSpec& spec : out) {
      spec.name = "proxy_" + spec.name;
      spec.long_name += " *";
      if (!spec.name.ends_with("enrichment")) spec.range = between(0, 1);
      spec.description +=
          "; * of the proxy A[i,k] ÷ (Σ_j A[i,j] + 1e-8), j over all keys, including sink tokens "
          "and the slot, because this normalizer's weights are not shares";
    }
    return out;
  }

 protected:
  void add_weights(const LayerView& view, int64_t b, int64_t h, double* all,
                   double* own) const override {
    const int64_t T = view.batch->tokens, n = view.length(b),
                  added = view.added ? view.added.dim(3) : 0;
    const float* A = view.map(view.pattern, b, h);
    Scratch memory;
    float* shares = memory.floats(T * T);
    for (int64_t i = 0; i < n; ++i) {
      const double divisor =
          proxy_divisor(A + i * T, T, added > 0 ? view.added_row(b, h, i) : nullptr, added);
      for (int64_t k = 0; k < T; ++k)
        shares[i * T + k] = static_cast<float>(A[i * T + k] / divisor);
    }
    add_columns(view, b, shares, all);
    for (int64_t k = 0; k < n; ++k) own[k] = shares[k * T + k];
  }
};

/// The attention that the first token receives.
class BosAttention : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "bos_attention",
             {"layer", "head"},
             "1",
             "attention to the first token",
             "mean of A[t,0] over the plain (non-trigger) queries t of all sequences, t = 0 "
             "included (Guo et al., 2410.13835); NaN without such a query",
             at_least(0)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens;
    reduce_heads(view, c_.heads, 1, means_, [&](int64_t b, int64_t h, Mean* mean) {
      const float* A = view.map(view.pattern, b, h);
      const int32_t* inputs = &view.batch->inputs[b * T];
      for (int64_t t = 0; t < view.length(b); ++t)
        if (c_.data->query_role(inputs, t) == kPlain) mean->add(A[t * T]);
    });
  }
  void finish() override { values_ = {values_of(means_)}; }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;
};

}  // namespace

RegisteredMetric received_attention_metric() {
  return {"received_attention", make_metric<ReceivedAttention>, When::always};
}

RegisteredMetric proxy_attention_metric() {
  return {"proxy_attention", make_metric<ProxyAttention>, When::always, &suited::unnormalized};
}

RegisteredMetric bos_attention_metric() { return {"bos_attention", make_metric<BosAttention>}; }

}  // namespace waiver
