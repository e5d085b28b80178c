#include "model/position/rope_scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace waiver {
namespace {

class NoScaling : public RopeScaling {};

/// With L the original context, the turns that pair d makes within it are r = L θ_d / 2π, and
///   θ'_d = θ_d (s + (1 − s) / factor),  s = (r − low) / (high − low), cut to [0, 1]:
/// what turns often stays, what turns rarely is slowed down (Llama 3.1, `rope_type: llama3`).
class Llama3 : public RopeScaling {
 public:
  void options(FieldVisitor& v) override {
    v.field({"factor", "what the rates of slow pairs are divided by", at_least(1)}, factor_);
    v.field({"low_freq_factor", "pairs with at most so many turns in the original context are slow",
             above(0)},
            low_);
    v.field({"high_freq_factor", "pairs with at least so many turns keep their rates", above(0)},
            high_);
    v.field({"original_context", "length of the texts that it was trained on before", at_least(1)},
            context_);
  }
  std::string refuse() const override {
    if (low_ < high_) return {};
    return fmt::format("high_freq_factor, {}, must be above low_freq_factor, {}", high_, low_);
  }
  void scale(std::span<double> rates, double) const override {
    for (double& rate : rates) {
      const double turns = static_cast<double>(context_) * rate / (2.0 * std::numbers::pi);
      const double kept = std::clamp((turns - low_) / (high_ - low_), 0.0, 1.0);
      rate *= kept + (1.0 - kept) / factor_;
    }
  }

 private:
  double factor_ = 8.0, low_ = 1.0, high_ = 4.0;
  int64_t context_ = 8192;
};

/// With d(n) = R ln(L / 2πn) / (2 ln base), the pair that makes n turns within the original context
/// L, low = d(beta_fast) and high = d(beta_slow),
///   θ'_d = θ_d (1 − γ + γ / factor),  γ = (d − low) / (high − low), cut to [0, 1];
/// cosines and sines are multiplied by 0.1 ln(factor) + 1 (Peng et al., 2309.00071, §3.2–3.4; the
/// ramp in d, and `low` and `high` as whole numbers in [0, R − 1], as in their code).
class Yarn : public RopeScaling {
 public:
  void options(FieldVisitor& v) override {
    v.field({"factor", "what the rates of slow pairs are divided by", at_least(1)}, factor_);
    v.field({"original_context", "length of the texts that it was trained on before", at_least(1)},
            context_);
    v.field(
        {"beta_fast", "pairs with more turns in the original context keep their rates", above(0)},
        fast_);
    v.field({"beta_slow", "pairs with fewer turns are slow", above(0)}, slow_);
    v.field({"attention_factor", "factor on cosines and sines; 0: 0.1 ln(factor) + 1", at_least(0)},
            attention_);
    v.field({"truncate", "whether the first and the last pair between these are whole numbers"},
            truncate_);
  }
  std::string refuse() const override {
    if (slow_ < fast_) return {};
    return fmt::format("beta_fast, {}, must be above beta_slow, {}", fast_, slow_);
  }
  void scale(std::span<double> rates, double base) const override {
    const double turned = 2.0 * static_cast<double>(rates.size());
    const auto pair = [&](double turns) {
      const double ratio = static_cast<double>(context_) / (2.0 * std::numbers::pi * turns);
      return turned * std::log(ratio) / (2.0 * std::log(base));
    };
    double low = pair(fast_), high = pair(slow_);
    if (truncate_) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0), high = std::min(high, turned - 1.0);
    if (low == high) high += 0.001;  // as in their code
    for (size_t d = 0; d < rates.size(); ++d) {
      const double slowed = std::clamp((static_cast<double>(d) - low) / (high - low), 0.0, 1.0);
      rates[d] *= 1.0 - slowed + slowed / factor_;
    }
  }
  double attention_factor() const override {
    return attention_ > 0 ? attention_ : 0.1 * std::log(factor_) + 1.0;
  }

 private:
  double factor_ = 16.0, fast_ = 32.0, slow_ = 1.0, attention_ = 0.0;
  int64_t context_ = 4096;
  bool truncate_ = true;
};

}  // namespace

Registered<RopeScaling> no_scaling_kind() {
  return kind_of<RopeScaling, NoScaling>("none", "as they are");
}

Registered<RopeScaling> llama3_kind() {
  return kind_of<RopeScaling, Llama3>("llama3", "slow pairs turn more slowly, as in Llama 3.1");
}

Registered<RopeScaling> yarn_kind() {
  return kind_of<RopeScaling, Yarn>(
      "yarn", "slow pairs turn more slowly and scores grow (Peng et al., 2309.00071)");
}

}  // namespace waiver
