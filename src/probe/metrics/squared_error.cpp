#include <algorithm>

#include "probe/metrics/reduce.h"
#include "probe/metrics/suited.h"

namespace waiver {
namespace {

/// How far the model's answers are from the data's.
class SquaredError : public Metric {
 public:
  std::vector<SeriesSpec> series() const override {
    return {{"",
             "loss",
             {},
             "1",
             "loss on the probe batch",
             "(x − answer)², mean over features, positions and sequences",
             at_least(0)},
            {"",
             "max_error",
             {},
             "1",
             "largest error",
             "max |x − answer| over features, positions and sequences (Ran-Milo, 2603.11487, stops "
             "below 5e-3)",
             at_least(0)}};
  }
  void begin(const ProbeContext& context) override {
    c_ = context;
    sum_ = largest_ = 0;
  }
  void logits(const Tensor& x, const Batch& batch) override {
    for (int64_t i = 0; i < x.size(); ++i) {
      const double error = std::abs(static_cast<double>(x.data[i]) - batch.answers[i]);
      sum_ += error * error;
      largest_ = std::max(largest_, error);
    }
  }
  void finish() override {
    const auto count = static_cast<double>(c_.sequences * c_.tokens * c_.width);
    values_ = {{static_cast<float>(sum_ / count)}, {static_cast<float>(largest_)}};
  }

 private:
  ProbeContext c_;
  double sum_ = 0, largest_ = 0;
};

}  // namespace

RegisteredMetric squared_error_metric() {
  return {"squared_error", make_metric<SquaredError>, When::training, &suited::of_features};
}

}  // namespace waiver
