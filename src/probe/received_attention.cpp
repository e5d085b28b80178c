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
    seen_.assign(T, 0);
    uniform_.assign(T, 0.0);
    for (int64_t i = 0; i < T; ++i) {
      const int64_t begin = c_.model->mask().begin(i, T), end = c_.model->mask().end(i, T);
      for (int64_t k = begin; k < end; ++k) {
        ++seen_[k];
        if (k != i) uniform_[k] += 1.0 / static_cast<double>(end - begin);
      }
    }
  }

  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, H = c_.heads;
    // Per head: T sums over all queries, T diagonal entries.
    std::vector<double> sums(c_.layers * H * 2 * T, 0.0);
    reduce_heads(view, H, 2 * T, sums, [&](int64_t b, int64_t h, double* row) {
      const float* A = view.map(view.pattern, b, h);
      for (int64_t i = 0; i < T; ++i) {
        for (int64_t k = 0; k < T; ++k) row[k] += A[i * T + k];
        row[T + i] = A[i * T + i];
      }
    });
    for (int64_t h = 0; h < H; ++h)
      for (int64_t k = 0; k < T; ++k) {
        const int64_t head = view.layer * H + h;
        all_[head * T + k] += sums[head * 2 * T + k];
        others_[head * T + k] += sums[head * 2 * T + k] - sums[head * 2 * T + T + k];
      }
    count_sinks(view);
    add_bos(view);
  }

  void finish() override {
    const int64_t T = c_.tokens;
    const auto N = static_cast<double>(c_.sequences);
    std::vector<float> alpha(others_.size()), inclusive(others_.size()), enrichment(others_.size());
    for (size_t i = 0; i < others_.size(); ++i) {
      const int64_t k = static_cast<int64_t>(i) % T;
      const auto seen = static_cast<double>(seen_[k]);
      const double other = seen - (c_.visible(k, k) ? 1.0 : 0.0);
      alpha[i] = static_cast<float>(other > 0 ? others_[i] / (N * other) : 0.0);
      inclusive[i] = static_cast<float>(seen > 0 ? all_[i] / (N * seen) : 0.0);
      enrichment[i] = static_cast<float>(uniform_[k] > 0 ? others_[i] / (N * uniform_[k]) : 0.0);
    }
    std::vector<float> bos(bos_.size() / 2);
    for (size_t i = 0; i < bos.size(); ++i)
      bos[i] = static_cast<float>(bos_[2 * i] / bos_[2 * i + 1]);
    values_ = {alpha, inclusive, enrichment, mean_of(sinks_, N), bos};
  }

 private:
  void count_sinks(const LayerView& view) {
    const int64_t T = c_.tokens;
    reduce_heads(view, c_.heads, T, sinks_, [&](int64_t b, int64_t h, double* row) {
      const float* A = view.map(view.pattern, b, h);
      for (int64_t i = 0; i < T; ++i)
        for (int64_t k = 0; k < T; ++k) row[k] += A[i * T + k];
      for (int64_t k = 0; k < T; ++k)
        row[k] = seen_[k] > 0 && row[k] / static_cast<double>(seen_[k]) > c_.sink_threshold;
    });
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
  std::vector<int64_t> seen_;    // how many queries see a key, itself included
  std::vector<double> uniform_;  // Σ over the other queries of 1 / (keys they see)
};

}  // namespace

std::unique_ptr<Metric> make_received_attention() { return std::make_unique<ReceivedAttention>(); }

}  // namespace waiver
