#include <algorithm>

#include "core/error.h"
#include "core/threads.h"
#include "data/dataset.h"

namespace waiver {
namespace {

/// Trigger-conditional averaging (Ran-Milo, 2603.11487). Of F features, the first marks the first
/// token, x_0 = (1, 0, …, 0); the second marks the trigger, the last all other tokens, and those in
/// between are drawn from U(−1, 1) for all tokens but x_0. One position j, uniform in 2 … T − 1, is
/// the trigger. The answer is 0 everywhere except there, where it is the mean of x_1 … x_j.
class TriggerAverage : public Dataset {
 public:
  void options(FieldVisitor& v) override {
    v.field({"features",
             "features per token, three of which mark its kind; model.width is the same (Ran-Milo, "
             "2603.11487)",
             between(4, 65536)},
            features_);
  }
  void open(int64_t context) override {
    if (context < 3)
      throw UsageError("model.context",
                       std::to_string(context) + " tokens leave no place for a trigger",
                       "The first token, another one and the trigger make 3.");
  }
  int64_t vocabulary() const override { return 3; }
  int64_t features() const override { return features_; }
  void fill(const Draws& draws, Batch& out) const override {
    const int64_t T = out.tokens, F = features_;
    out.features.assign(out.batch * T * F, 0.0f);
    out.answers.assign(out.batch * T * F, 0.0f);
    parallel_ranges(out.batch, 8, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b)
        draw(draws.numbers("", b, T * F), b, 2 + draws.numbers("trigger", b, 1).below(0, T - 2),
             out);
    });
    out.targets = out.inputs;
  }
  std::vector<std::string> query_roles() const override { return {"plain", "trigger"}; }
  std::vector<std::string> key_roles() const override { return {"first", "trigger", "other"}; }
  int64_t query_role(const int32_t* inputs, int64_t t) const override {
    return inputs[t] == kTrigger ? 1 : kPlain;
  }
  int64_t key_role(const int32_t* inputs, int64_t t) const override {
    return inputs[t] == kFirst ? 0 : inputs[t] == kTrigger ? 1 : 2;
  }
  std::string text(int32_t kind) const override {
    return kind == kFirst ? "<s>" : kind == kTrigger ? "<t>" : "x";
  }
  bool fixed(int64_t t) const override { return t == 0; }

 private:
  enum Kind : int32_t { kFirst, kOther, kTrigger };

  void draw(const SequenceRandom& numbers, int64_t b, int64_t trigger, Batch& out) const {
    const int64_t T = out.tokens, F = features_;
    float *x = &out.features[b * T * F], *answer = &out.answers[(b * T + trigger) * F];
    x[0] = 1;
    out.inputs[b * T] = kFirst;
    std::vector<double> sum(F, 0.0);
    for (int64_t t = 1; t < T; ++t) {
      float* row = x + t * F;
      for (int64_t f = 2; f < F - 1; ++f)
        row[f] = static_cast<float>(2.0 * numbers.uniform(t * F + f) - 1.0);
      row[t == trigger ? 1 : F - 1] = 1;
      out.inputs[b * T + t] = t == trigger ? kTrigger : kOther;
      for (int64_t f = 0; f < F && t <= trigger; ++f) sum[f] += row[f];
    }
    for (int64_t f = 0; f < F; ++f)
      answer[f] = static_cast<float>(sum[f] / static_cast<double>(trigger));
  }

  int64_t features_ = 16;
};

}  // namespace

Registered<Dataset> trigger_average_kind() {
  return kind_of<Dataset, TriggerAverage>(
      "trigger_average",
      "real-valued features; the answer is 0, and at a trigger the mean of the tokens up to it "
      "(Ran-Milo, 2603.11487)");
}

}  // namespace waiver
