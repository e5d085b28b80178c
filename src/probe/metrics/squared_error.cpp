#include <algorithm>

#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"
#include "probe/roles.h"

namespace waiver {
namespace {

/// How far the model's answers are from the data's, where these count.
class SquaredError : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {
        {"",
         "loss",
         {},
         "1",
         "loss on the probe batch",
         "(x − answer)², mean over features, and over the positions of all sequences whose "
         "answer counts",
         at_least(0)},
        {"",
         "max_error",
         {},
         "1",
         "largest error",
         "max |x − answer| over features and the positions of all sequences whose answer counts "
         "(Ran-Milo, 2603.11487, stops below 5e-3)",
         at_least(0)},
        {"",
         "role_loss",
         {"query_role"},
         "1",
         "loss by query role",
         "the same as loss over the tokens of one role; NaN without any",
         at_least(0)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    roles_.assign(query_role_names(*c_.data).size(), {});
    largest_ = 0;
  }
  void logits(const Tensor& x, const Batch& batch) override {
    const int64_t T = batch.tokens, C = x.dim(1);
    for (int64_t n = 0; n < x.dim(0); ++n) {
      if (batch.targets[n] < 0) continue;
      Mean row;
      for (int64_t c = 0; c < C; ++c) {
        const double error = std::abs(static_cast<double>(x.row(n)[c]) - batch.answers[n * C + c]);
        row.add(error * error);
        largest_ = std::max(largest_, error);
      }
      const int64_t role = c_.data->query_role(&batch.inputs[n / T * T], n % T);
      for_entries_of(role, std::ssize(roles_), [&](int64_t r) { roles_[r].add(row); });
    }
  }
  void finish() override {
    const std::vector<float> losses = values_of(roles_);
    values_ = {{losses.front()}, {static_cast<float>(largest_)}, losses};
  }

 private:
  ProbeContext c_;
  std::vector<Mean> roles_;  // per entry of query_role
  double largest_ = 0;
};

}  // namespace

RegisteredMetric squared_error_metric() {
  return {"squared_error", make_metric<SquaredError>, When::always, &suited::of_features};
}

}  // namespace waiver
