#include <algorithm>

#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"

namespace waiver {
namespace {

std::vector<double> log_softmax(const float* logits, int64_t V) {
  const float top = *std::max_element(logits, logits + V);
  double sum = 0;
  for (int64_t v = 0; v < V; ++v) sum += std::exp(static_cast<double>(logits[v] - top));
  std::vector<double> out(V);
  for (int64_t v = 0; v < V; ++v) out[v] = logits[v] - top - std::log(sum);
  return out;
}

// Calls f(sequence, t, log-probabilities, means) for all rows with a target: parallel over
// sequences, added in order.
template <class F>
void add_rows(const Tensor& logits, const Batch& batch, std::vector<Mean>& means, const F& f) {
  const int64_t T = batch.tokens, V = logits.dim(1), width = std::ssize(means);
  std::vector<Mean> rows(batch.batch * width);
  parallel_tiles(batch.batch, [&](int64_t b) {
    for (int64_t t = 0; t < T; ++t)
      if (batch.targets[b * T + t] >= 0)
        f(b, t, log_softmax(logits.row(b * T + t), V), &rows[b * width]);
  });
  for (int64_t i = 0; i < std::ssize(rows); ++i) means[i % width].add(rows[i]);
}

/// Cross-entropy against the targets.
class Loss : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "loss",
             {},
             "nat",
             "loss on the probe batch",
             "−log p(target), mean over the positions that have one: the next token everywhere, or "
             "the masked tokens of masked_token",
             at_least(0)}};
  }
  void begin(const ProbeContext&) override { mean_.assign(1, {}); }
  void logits(const Tensor& logits, const Batch& batch) override {
    add_rows(logits, batch, mean_,
             [&](int64_t b, int64_t t, const std::vector<double>& p, Mean* mean) {
               mean->add(-p[batch.targets[b * batch.tokens + t]]);
             });
  }
  void finish() override { values_ = {values_of(mean_)}; }

 private:
  std::vector<Mean> mean_;
};

/// Two means of a loss: over the positions that triggers decide, and over the rest; NaN where there
/// is no such position.
class TwoRisks : public Metric {
 public:
  void begin(const ProbeContext& context) override {
    c_ = context;
    risks_.assign(2, {});
  }
  void finish() override { values_ = values_of_each(risks_, 2, 1); }

 protected:
  static std::vector<SeriesSpec> named(const std::string& copied, const std::string& others) {
    return {{"", "backcopy_risk", {}, "nat", "backcopy risk", copied, at_least(0)},
            {"", "bigram_risk", {}, "nat", "bigram risk", others, at_least(0)}};
  }
  static void add(Mean* risks, int64_t role, double risk) {
    risks[role == kPlain ? 1 : 0].add(risk);
  }

  ProbeContext c_;
  std::vector<Mean> risks_;
};

/// Cross-entropy against the task's own distribution of the next token.
class Risks : public TwoRisks {
 public:
  std::vector<SeriesSpec> series() const override {
    return named(
        "cross-entropy against the true next-token distribution, mean over trigger positions "
        "(Guo et al., 2410.13835); NaN without one",
        "cross-entropy against the true next-token distribution, mean over the other positions");
  }
  void logits(const Tensor& logits, const Batch& batch) override {
    const int64_t V = logits.dim(1);
    add_rows(logits, batch, risks_,
             [&](int64_t b, int64_t t, const std::vector<double>& p, Mean* row) {
               const int32_t* inputs = &batch.inputs[b * batch.tokens];
               std::vector<float> truth(V);
               c_.data->next(inputs, t, truth);
               double risk = 0;
               for (int64_t v = 0; v < V; ++v)
                 if (truth[v] > 0) risk -= truth[v] * p[v];
               add(row, c_.data->query_role(inputs, t), risk);
             });
  }
};

/// The same split for masked tokens, whose true distribution given all others is unknown: the loss
/// itself.
class MaskedRisks : public TwoRisks {
 public:
  std::vector<SeriesSpec> series() const override {
    return named("−log p(masked token), mean over the masked tokens that follow a trigger",
                 "−log p(masked token), mean over the other masked tokens");
  }
  void logits(const Tensor& logits, const Batch& batch) override {
    add_rows(logits, batch, risks_,
             [&](int64_t b, int64_t t, const std::vector<double>& p, Mean* row) {
               const int32_t* whole = &batch.whole[b * batch.tokens];
               add(row, t > 0 ? c_.data->query_role(whole, t - 1) : kPlain,
                   -p[batch.targets[b * batch.tokens + t]]);
             });
  }
};

}  // namespace

RegisteredMetric loss_metric() {
  return {"loss", make_metric<Loss>, When::always, &suited::with_logits};
}

RegisteredMetric risks_metric() {
  return {"risks", make_metric<Risks>, When::training, &suited::next_token_task};
}

RegisteredMetric masked_risks_metric() {
  return {"masked_risks", make_metric<MaskedRisks>, When::training, &suited::masked_task};
}

}  // namespace waiver
