#include <algorithm>
#include <cmath>

#include "core/statistics/order.h"
#include "probe/metrics/by_role.h"
#include "probe/metrics/reduce.h"
#include "probe/metrics/waiver_score.h"

// The elements of each sequence by themselves: a mean over sequences hides one that stands at
// another place in each of them.

namespace waiver {
namespace {

/// What one sequence shows of a key that many of its queries see (candidate_keys).
struct Element {
  int64_t key = 0;
  float attention = 0, ratio = 0;  // α_k; r_V
  Verdict verdict = Verdict::neither;
};

/// The candidates of one head in one sequence, each with its verdict there.
class SequenceElements {
 public:
  SequenceElements(const LayerView& view, const ProbeContext& context)
      : view_(view), context_(context), viewers_(count_viewers(view, *context.data, 1)) {
    const int64_t T = context.tokens;
    for (int64_t b = 0; b < view.batch->batch; ++b) {
      std::vector<double> seen(view.length(b));
      for (int64_t k = 0; k < view.length(b); ++k)
        seen[k] = viewers_[b * T + k].count + (view.visible(b, k).contains(k) ? 1 : 0);
      candidates_.push_back(candidate_keys(seen));
    }
  }
  const std::vector<int64_t>& candidates(int64_t b) const { return candidates_[b]; }
  template <class F>
  void for_each(int64_t b, int64_t h, const F& f) const {
    const std::vector<double> received = received_by_role(view_, context_, 1, b, h);
    const double* norms = view_.of_values(view_.output_value_norms, b, h);
    const double middle = median_value_norm(view_, b, h);
    for (const int64_t k : candidates_[b]) {
      const Viewers& seen = viewers_[b * context_.tokens + k];
      if (seen.count == 0) continue;
      const auto alpha = static_cast<float>(received[k] / seen.count),
                 enrichment = static_cast<float>(received[k] / seen.uniform),
                 ratio = static_cast<float>(middle != 0 ? norms[k] / middle : std::nan(""));
      f(Element{k, alpha, ratio, classify(context_.config.waiver, alpha, enrichment, ratio)});
    }
  }

 private:
  const LayerView& view_;
  const ProbeContext& context_;
  std::vector<Viewers> viewers_;  // [B, T]
  std::vector<std::vector<int64_t>> candidates_;
};

/// In how many of the sequences a head has a waiver, wherever it stands.
class WaiverAnywhere : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "waiver_anywhere",
             {"layer", "head"},
             "1",
             "sequences with a waiver element",
             "share of the sequences in which some key that many queries see is a waiver element "
             "by its α_k, E_k and r_V there",
             between(0, 1)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    means_.assign(c_.layers * c_.heads, {});
  }
  void layer(const LayerView& view) override {
    const SequenceElements elements(view, c_);
    reduce_heads(view, c_.heads, 1, means_, [&](int64_t b, int64_t h, Mean* share) {
      if (elements.candidates(b).empty()) return;
      bool any = false;
      elements.for_each(b, h, [&](const Element& e) { any |= e.verdict == Verdict::waiver; });
      share->add(any);
    });
  }
  void finish() override { values_ = {values_of(means_)}; }

 private:
  ProbeContext c_;
  std::vector<Mean> means_;
};

/// Of every key of every sequence: in how many heads it is a waiver or a sink, and the strongest of
/// these.
class Elements : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> axes = {"layer", "sequence", "key"};
    const std::string many = "; NaN where few queries see the key, or none but its own";
    return {{"", "element_waivers", axes, "1", "heads with a waiver here",
             "in how many heads the key is a waiver element by its α_k, E_k and r_V in this "
             "sequence" +
                 many,
             at_least(0)},
            {"", "element_sinks", axes, "1", "heads with a sink here",
             "the same whatever its r_V is" + many, at_least(0)},
            {"", "element_attention", axes, "1", "largest received attention",
             "the largest α_k over heads, in this sequence" + many, at_least(0)},
            {"", "element_value_ratio", axes, "1", "value ratio there",
             "r_V, ‖W_O^h v_k‖ ÷ its median over tokens, in the head with the largest α_k" + many,
             at_least(0)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    values_.assign(4, std::vector<float>(c_.layers * c_.sequences * c_.tokens, std::nanf("")));
  }
  void layer(const LayerView& view) override {
    const SequenceElements elements(view, c_);
    parallel_tiles(view.batch->batch, [&](int64_t b) {
      const int64_t row = (view.layer * c_.sequences + view.begin + b) * c_.tokens;
      for (int64_t h = 0; h < c_.heads; ++h)
        elements.for_each(b, h, [&](const Element& e) { add(row + e.key, e); });
    });
  }

 private:
  void add(int64_t at, const Element& e) {
    float &waivers = values_[0][at], &sinks = values_[1][at], &alpha = values_[2][at];
    if (std::isnan(waivers)) waivers = sinks = 0;
    waivers += e.verdict == Verdict::waiver ? 1 : 0;
    sinks += e.verdict != Verdict::neither ? 1 : 0;
    if (e.attention <= alpha) return;
    alpha = e.attention;
    values_[3][at] = e.ratio;
  }

  ProbeContext c_;
};

double dot(const float* a, const float* b, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// The residual stream of every token of every sequence beside that of the others.
class ElementStates : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> axes = {"layer", "sequence", "position"};
    return {
        {"", "element_residual_ratio", axes, "1", "residual ratio in a sequence",
         "‖h[k]‖ ÷ mean over t ≠ k of ‖h[t]‖ of the residual stream after the block", at_least(0)},
        {"", "element_cosine", axes, "1", "cosine with the first position",
         "h[k]·h[0] ÷ (‖h[k]‖ ‖h[0]‖) of the residual stream after the block", between(-1, 1)},
        {"", "element_massive", axes, "1", "massive activations in a sequence",
         "how many channels have |h| > 100 and |h| > 1000 × the median of |h| in the sequence (Sun "
         "et al., 2402.17762)",
         at_least(0)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    values_.assign(3, std::vector<float>(c_.layers * c_.sequences * c_.tokens, std::nanf("")));
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, C = c_.width;
    parallel_tiles(view.batch->batch, [&](int64_t b) {
      const int64_t n = view.length(b), row = (view.layer * c_.sequences + view.begin + b) * T;
      const float* first = view.resid.row(b * T);
      const StreamNorms norms = stream_norms(view, b, C);
      std::vector<double> sizes(n * C);
      std::transform(first, first + n * C, sizes.begin(), [](float x) { return std::abs(x); });
      const double middle = median(sizes);
      for (int64_t t = 0; t < n; ++t) {
        const float* h = first + t * C;
        const double own = norms.own[t], others = norms.others[t];
        values_[0][row + t] = static_cast<float>(others != 0 ? own / others : std::nan(""));
        values_[1][row + t] = static_cast<float>(dot(h, first, C) / (own * norms.own[0]));
        values_[2][row + t] = static_cast<float>(massive_activations(h, C, middle));
      }
    });
  }

 private:
  ProbeContext c_;
};

}  // namespace

RegisteredMetric waiver_anywhere_metric() {
  return {"waiver_anywhere", make_metric<WaiverAnywhere>};
}

RegisteredMetric elements_metric() { return {"elements", make_metric<Elements>, When::on_demand}; }

RegisteredMetric element_states_metric() {
  return {"element_states", make_metric<ElementStates>, When::on_demand};
}

}  // namespace waiver
