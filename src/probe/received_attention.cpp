#include <algorithm>

#include "probe/reduce.h"

namespace waiver {
namespace {

/// α_k, its enrichment and the sink rate, from the weights A [T, T] or their proxy.
class ReceivedAttention : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> per_key = {"layer", "head", "key"};
    return {
        {"", "received_attention", per_key, "1", "received attention α_k",
         "mean over the queries i ≠ k that see key k of A[i,k], then over sequences; causal: i > "
         "k",
         at_least(0)},
        {"", "received_attention_inclusive", per_key, "1", "received attention, i = k included",
         "mean over the queries i that see key k of A[i,k]; causal: i ≥ k, the literature's form",
         at_least(0)},
        {"", "enrichment", per_key, "1", "enrichment E_k",
         "α_k divided by its value under uniform attention over the visible keys", at_least(0)},
        {"", "sink_rate", per_key, "1", "sink rate",
         "share of sequences whose received_attention_inclusive exceeds probe.sink_threshold; its "
         "mean over layers and heads at key k is Sink_k (Gu et al., 2410.10781)",
         between(0, 1)}};
  }

  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    const int64_t L = c_.layers, H = c_.heads, T = c_.tokens;
    others_.assign(L * H * T, 0.0);
    all_.assign(L * H * T, 0.0);
    sinks_.assign(L * H * T, 0.0);
    seen_.assign(L * T, 0.0);
    others_seen_.assign(L * T, 0.0);
    uniform_.assign(L * T, 0.0);
  }

  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, H = c_.heads;
    const std::vector<double> seen = count_visible(view);
    // Per head: T sums over all queries, T diagonal entries, T ones where a sequence has a sink.
    std::vector<double> sums(c_.layers * H * 3 * T, 0.0);
    reduce_heads(view, H, 3 * T, sums, [&](int64_t b, int64_t h, double* row) {
      add_weights(view, b, h, row, row + T);
      for (int64_t k = 0; k < T; ++k) {
        const double queries = seen[b * T + k];
        row[2 * T + k] = queries > 0 && row[k] / queries > c_.config.sink_threshold;
      }
    });
    for (int64_t h = 0; h < H; ++h)
      for (int64_t k = 0; k < T; ++k) {
        const int64_t head = view.layer * H + h;
        const double* of_head = &sums[head * 3 * T];
        all_[head * T + k] += of_head[k];
        others_[head * T + k] += of_head[k] - of_head[T + k];
        sinks_[head * T + k] += of_head[2 * T + k];
      }
  }

  void finish() override {
    const int64_t T = c_.tokens;
    std::vector<float> alpha(others_.size()), inclusive(others_.size()), enrichment(others_.size());
    for (size_t i = 0; i < others_.size(); ++i) {
      const int64_t at = static_cast<int64_t>(i) / (c_.heads * T) * T + static_cast<int64_t>(i) % T;
      alpha[i] = ratio(others_[i], others_seen_[at]);
      inclusive[i] = ratio(all_[i], seen_[at]);
      enrichment[i] = ratio(others_[i], uniform_[at]);
    }
    values_ = {alpha, inclusive, enrichment, mean_of(sinks_, static_cast<double>(c_.sequences))};
  }

 protected:
  /// Adds up what each key of a sequence gets from all queries, and what from its own, [T] each.
  virtual void add_weights(const LayerView& view, int64_t b, int64_t h, double* all,
                           double* own) const {
    const int64_t T = view.batch->tokens;
    const float* A = view.map(view.pattern, b, h);
    std::copy_n(view.received_by_keys(b, h), T, all);
    for (int64_t k = 0; k < T; ++k) own[k] = A[k * T + k];
  }

 private:
  static float ratio(double sum, double count) {
    return static_cast<float>(count > 0 ? sum / count : 0.0);
  }

  // How many queries see each key of each sequence, [B·T].
  std::vector<double> count_visible(const LayerView& view) {
    const int64_t T = c_.tokens, at = view.layer * T;
    std::vector<double> seen(view.batch->batch * T, 0.0);
    for (int64_t b = 0; b < view.batch->batch; ++b) {
      for (int64_t i = 0; i < T; ++i) {
        const VisibleKeys& keys = view.visible(b, i);
        for (const KeyRange& range : keys.ranges())
          for (int64_t k = range.begin; k < range.end; ++k) {
            seen[b * T + k] += 1;
            if (k == i) continue;
            others_seen_[at + k] += 1;
            uniform_[at + k] += 1.0 / static_cast<double>(keys.size());
          }
      }
      for (int64_t k = 0; k < T; ++k) seen_[at + k] += seen[b * T + k];
    }
    return seen;
  }

  ProbeContext c_;
  std::vector<double> others_, all_, sinks_;
  // Per layer and key, over all sequences: how many queries see it, itself included; how many
  // others; and Σ over these of 1 / (keys they see).
  std::vector<double> seen_, others_seen_, uniform_;
};

/// The same where weights are no shares: Gu et al. (2410.10781) make shares of them to measure.
class ProxyAttention : public ReceivedAttention {
 public:
  std::vector<SeriesSpec> series() const override {
    std::vector<SeriesSpec> out = ReceivedAttention::series();
    for (SeriesSpec& spec : out) {
      spec.name = "proxy_" + spec.name;
      spec.long_name += " *";
      if (!spec.name.ends_with("enrichment")) spec.range = between(0, 1);
      spec.description +=
          "; * of the proxy A[i,k] ÷ (Σ_j A[i,j] + 1e-8), because this normalizer's weights are no "
          "shares";
    }
    return out;
  }

 protected:
  void add_weights(const LayerView& view, int64_t b, int64_t h, double* all,
                   double* own) const override {
    const int64_t T = view.batch->tokens;
    const float* A = view.map(view.pattern, b, h);
    float* shares = scratch(0, T * T);
    for (int64_t i = 0; i < T; ++i) {
      double sum = 1e-8;
      for (int64_t k = 0; k < T; ++k) sum += A[i * T + k];
      for (int64_t k = 0; k < T; ++k) shares[i * T + k] = static_cast<float>(A[i * T + k] / sum);
    }
    add_columns(view, b, shares, all);
    for (int64_t k = 0; k < T; ++k) own[k] = shares[k * T + k];
  }
};

/// What the first token receives.
class BosAttention : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "bos_attention",
             {"layer", "head"},
             "1",
             "attention to the first token",
             "mean of A[t,0] over plain (non-trigger) queries t, t = 0 included (Guo et al., "
             "2410.13835)",
             at_least(0)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    sums_.assign(c_.layers * c_.heads * 2, 0.0);
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens;
    reduce_heads(view, c_.heads, 2, sums_, [&](int64_t b, int64_t h, double* row) {
      const float* A = view.map(view.pattern, b, h);
      const int32_t* inputs = &view.batch->inputs[b * T];
      for (int64_t t = 0; t < T; ++t) {
        if (c_.data->role(inputs, t) == Role::trigger) continue;
        row[0] += A[t * T];
        row[1] += 1;
      }
    });
  }
  void finish() override {
    std::vector<float> means(sums_.size() / 2);
    for (size_t i = 0; i < means.size(); ++i)
      means[i] = static_cast<float>(sums_[2 * i] / sums_[2 * i + 1]);
    values_ = {means};
  }

 private:
  ProbeContext c_;
  std::vector<double> sums_;  // per head a sum and a count
};

}  // namespace

std::unique_ptr<Metric> make_received_attention() { return std::make_unique<ReceivedAttention>(); }
std::unique_ptr<Metric> make_proxy_attention() { return std::make_unique<ProxyAttention>(); }
std::unique_ptr<Metric> make_bos_attention() { return std::make_unique<BosAttention>(); }

}  // namespace waiver
