#include "probe/roles.h"

#include "probe/metrics/by_role.h"
#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"
#include "probe/metrics/waiver_score.h"

namespace waiver {
namespace {

/// What α, E, r_V and the verdict are of keys by their role, wherever they stand in a sequence, and
/// for queries of each role.
class Roles : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::vector<std::string> of_both = {"layer", "head", "query_role", "key_role"},
                                   of_keys = {"layer", "head", "key_role"};
    const std::string mean =
        "mean over the keys of a role in a sequence, then over the sequences that have one";
    return {
        {"", "role_received_attention", of_both, "1", "received attention α by role",
         "α_k of the queries i ≠ k of one role that see key k; " + mean +
             "; where weights are not shares, of the proxy",
         at_least(0)},
        {"", "role_enrichment", of_both, "1", "enrichment E by role",
         "E_k of the same queries: α_k divided by its value under uniform attention; " + mean,
         at_least(0)},
        {"", "role_value_norm", of_keys, "1", "value norm by role", "‖v_k‖; " + mean, at_least(0)},
        {"", "role_output_value_norm", of_keys, "1",
         "value norm after the output projection by role", "‖W_O^h v_k‖; " + mean, at_least(0)},
        {"", "role_value_ratio", of_keys, "1", "value ratio r_V by role",
         "‖W_O^h v_k‖ ÷ its median over the tokens of the sequence; " + mean, at_least(0)},
        {"", "role_waiver_score", of_both, "1", "waiver score by role",
         "of α, E and r_V by role, as waiver_score is of those by position: 2, a waiver "
         "element; 1, a sink only; 0, neither",
         between(0, 2)}};
  }
  bool of_attention() const override { return true; }
  void begin(const ProbeContext& context) override {
    c_ = context;
    queries_ = std::ssize(query_role_names(*c_.data));
    keys_ = std::ssize(key_role_names(*c_.data));
    by_both_.assign(c_.layers * c_.heads * 2 * queries_ * keys_, {});
    by_key_.assign(c_.layers * c_.heads * 3 * keys_, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens, both = queries_ * keys_;
    const std::vector<Viewers> viewers = count_viewers(view, *c_.data, queries_);
    reduce_heads(view, c_.heads, 2 * both, by_both_, [&](int64_t b, int64_t h, Mean* row) {
      const std::vector<double> sums = received_by_role(view, c_, queries_, b, h);
      std::vector<Mean> alpha(both), enrichment(both);
      for (int64_t q = 0; q < queries_; ++q)
        for (int64_t k = 0; k < view.length(b); ++k) {
          const Viewers& seen = viewers[(b * queries_ + q) * T + k];
          if (seen.count == 0) continue;
          const int64_t at = q * keys_ + key_role(view, b, k);
          alpha[at].add(sums[q * T + k] / seen.count);
          enrichment[at].add(sums[q * T + k] / seen.uniform);
        }
      for (int64_t i = 0; i < both; ++i) {
        if (alpha[i].count > 0) row[i].add(alpha[i].value());
        if (enrichment[i].count > 0) row[both + i].add(enrichment[i].value());
      }
    });
    reduce_heads(view, c_.heads, 3 * keys_, by_key_,
                 [&](int64_t b, int64_t h, Mean* row) { add_values(view, b, h, row); });
  }
  void finish() override {
    values_ = values_of_each(by_both_, 2, queries_ * keys_);
    for (auto& series : values_of_each(by_key_, 3, keys_)) values_.push_back(std::move(series));
    std::vector<float> score;
    for (size_t i = 0; i < values_[0].size(); ++i) {
      const size_t head = i / (queries_ * keys_), key = i % keys_;
      score.push_back(static_cast<float>(classify(c_.config.waiver, values_[0][i], values_[1][i],
                                                  values_[4][head * keys_ + key])));
    }
    values_.push_back(std::move(score));
  }

 private:
  const int32_t* inputs(const LayerView& view, int64_t b) const {
    return &view.batch->inputs[b * c_.tokens];
  }
  int64_t key_role(const LayerView& view, int64_t b, int64_t k) const {
    return c_.data->key_role(inputs(view, b), k);
  }

  void add_values(const LayerView& view, int64_t b, int64_t h, Mean* row) const {
    const double *raw = view.of_values(view.value_norms, b, h),
                 *out = view.of_values(view.output_value_norms, b, h);
    const double middle = median_value_norm(view, b, h);
    std::vector<Mean> means(3 * keys_);
    for (int64_t k = 0; k < view.length(b); ++k) {
      const int64_t role = key_role(view, b, k);
      means[role].add(raw[k]);
      means[keys_ + role].add(out[k]);
      if (middle != 0) means[2 * keys_ + role].add(out[k] / middle);
    }
    for (int64_t i = 0; i < 3 * keys_; ++i)
      if (means[i].count > 0) row[i].add(means[i].value());
  }

  ProbeContext c_;
  int64_t queries_ = 0, keys_ = 0;  // entries of the axes
  std::vector<Mean> by_both_;       // per head: Q·R of α, Q·R of E
  std::vector<Mean> by_key_;        // per head: R norms, R projected norms, R ratios
};

/// ‖h_l[k]‖ after every block, by the role of the key.
class RoleResidual : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    const std::string mean =
        "mean over the keys of a role in a sequence, then over the sequences that have one";
    return {{"",
             "role_residual_norm",
             {"layer", "key_role"},
             "1",
             "residual norm by role",
             "‖h[k]‖ of the residual stream after the block; " + mean,
             at_least(0)},
            {"",
             "role_residual_ratio",
             {"layer", "key_role"},
             "1",
             "residual ratio by role",
             "‖h[k]‖ ÷ mean over t ≠ k of ‖h[t]‖; " + mean,
             at_least(0)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    keys_ = std::ssize(key_role_names(*c_.data));
    means_.assign(c_.layers * 2 * keys_, {});
  }
  void layer(const LayerView& view) override {
    const int64_t T = c_.tokens;
    reduce_heads(view, 1, 2 * keys_, means_, [&](int64_t b, int64_t, Mean* row) {
      const int64_t n = view.length(b);
      std::vector<double> norms(n);
      double total = 0;
      for (int64_t t = 0; t < n; ++t) total += norms[t] = norm(view.resid.row(b * T + t), c_.width);
      std::vector<Mean> means(2 * keys_);
      for (int64_t t = 0; t < n; ++t) {
        const int64_t role = c_.data->key_role(&view.batch->inputs[b * T], t);
        const double others = n > 1 ? (total - norms[t]) / static_cast<double>(n - 1) : 0;
        means[role].add(norms[t]);
        if (others != 0) means[keys_ + role].add(norms[t] / others);
      }
      for (int64_t i = 0; i < 2 * keys_; ++i)
        if (means[i].count > 0) row[i].add(means[i].value());
    });
  }
  void finish() override { values_ = values_of_each(means_, 2, keys_); }

 private:
  ProbeContext c_;
  int64_t keys_ = 0;
  std::vector<Mean> means_;  // per layer: R norms, R ratios
};

}  // namespace

RegisteredMetric roles_metric() {
  return {"roles", make_metric<Roles>, When::training, &suited::with_roles};
}

RegisteredMetric role_residual_metric() {
  return {"role_residual", make_metric<RoleResidual>, When::training, &suited::with_roles};
}

}  // namespace waiver
