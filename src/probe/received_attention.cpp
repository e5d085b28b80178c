#include "probe/reduce.h"

namespace waiver {
namespace {

/// α_k, its enrichment, the sink rate, and attention to the first token, from the weights A [T, T].
class ReceivedAttention : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> per_key = {"layer", "head", "key"};
    return {
        {"", "received_attention", per_key, "1", "received attention α_k",
         "mean over the queries i ≠ k that see key k of A[i,k], then over sequences; causal: i > "
         "k"},
        {"", "received_attention_inclusive", per_key, "1", "received attention, i = k included",
         "mean over the queries i that see key k of A[i,k]; causal: i ≥ k, the literature's form"},
        {"", "enrichment", per_key, "1", "enrichment E_k",
         "α_k divided by its value under uniform attention over the visible keys"},
        {"", "sink_rate", per_key, "1", "sink rate",
         "share of sequences whose received_attention_inclusive exceeds probe.sink_threshold; its "
         "mean over layers and heads at key k is Sink_k (Gu et al., 2410.10781)"},
        {"",
         "bos_attention",
         {"layer", "head"},
         "1",
         "attention to the first token",
         "mean of A[t,0] over plain (non-trigger) queries t, t = 0 included (Guo et al., "
         "2410.13835)"}};
  }

  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    const int64_t L = c_.layers, H = c_.heads, T = c_.tokens;
    others_.assign(L * H * T, 0.0);
    all_.assign(L * H * T, 0.0);
    sinks_.assign(L * H * T, 0.0);
    bos_.assign(L * H * 2, 0.0);
    seen_.assign(L * T, 0.0);
    others_seen_.assign(L * T, 0.0);
    uniform_.assign(L * T, 0.0);
  }

  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, H = c_.heads;
    count_visible(view);
    // Per head: T sums over all queries, T diagonal entries, T ones where a sequence has a sink.
    std::vector<double> sums(c_.layers * H * 3 * T, 0.0);
    reduce_heads(view, H, 3 * T, sums, [&](int64_t b, int64_t h, double* row) {
      const float* A = view.map(view.pattern, b, h);
      std::vector<double> seen(T, 0.0);
      for (int64_t i = 0; i < T; ++i) {
        for (const KeyRange& keys : view.visible(b, i).ranges())
          for (int64_t k = keys.begin; k < keys.end; ++k) {
            row[k] += A[i * T + k];
            seen[k] += 1;
          }
        row[T + i] = A[i * T + i];
      }
      for (int64_t k = 0; k < T; ++k)
        row[2 * T + k] = seen[k] > 0 && row[k] / seen[k] > c_.sink_threshold;
    });
    for (int64_t h = 0; h < H; ++h)
      for (int64_t k = 0; k < T; ++k) {
        const int64_t head = view.layer * H + h;
        const double* of_head = &sums[head * 3 * T];
        all_[head * T + k] += of_head[k];
        others_[head * T + k] += of_head[k] - of_head[T + k];
        sinks_[head * T + k] += of_head[2 * T + k];
      }
    add_bos(view);
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
    std::vector<float> bos(bos_.size() / 2);
    for (size_t i = 0; i < bos.size(); ++i)
      bos[i] = static_cast<float>(bos_[2 * i] / bos_[2 * i + 1]);
    values_ = {alpha, inclusive, enrichment, mean_of(sinks_, static_cast<double>(c_.sequences)),
               bos};
  }

 private:
  static float ratio(double sum, double count) {
    return static_cast<float>(count > 0 ? sum / count : 0.0);
  }

  void count_visible(const LayerView& view) {
    const int64_t T = c_.tokens, at = view.layer * T;
    for (int64_t b = 0; b < view.batch->batch; ++b)
      for (int64_t i = 0; i < T; ++i) {
        const VisibleKeys& keys = view.visible(b, i);
        for (const KeyRange& range : keys.ranges())
          for (int64_t k = range.begin; k < range.end; ++k) {
            seen_[at + k] += 1;
            if (k == i) continue;
            others_seen_[at + k] += 1;
            uniform_[at + k] += 1.0 / static_cast<double>(keys.size());
          }
      }
  }

  void add_bos(const LayerView& view) {
    const int64_t T = c_.tokens;
    reduce_heads(view, c_.heads, 2, bos_, [&](int64_t b, int64_t h, double* row) {
      const float* A = view.map(view.pattern, b, h);
      const int32_t* inputs = &view.batch->inputs[b * T];
      for (int64_t t = 0; t < T; ++t) {
        if (c_.data->role(inputs, t) == Role::trigger) continue;
        row[0] += A[t * T];
        row[1] += 1;
      }
    });
  }

  ProbeContext c_;
  std::vector<double> others_, all_, sinks_, bos_;
  // Per layer and key, over all sequences: how many queries see it, itself included; how many
  // others; and Σ over these of 1 / (keys they see).
  std::vector<double> seen_, others_seen_, uniform_;
};

}  // namespace

std::unique_ptr<Metric> make_received_attention() { return std::make_unique<ReceivedAttention>(); }

}  // namespace waiver
