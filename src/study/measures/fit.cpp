#include <fmt/format.h>

#include <algorithm>

#include "core/statistics/laws.h"
#include "study/measures/series_choice.h"

namespace waiver {

enum class OfFit { slope, r2, margin };
std::span<const Choice> words(OfFit) {
  static constexpr Choice all[] = {
      {"slope", "b"},
      {"r2", "R² = 1 − Σ (x − x̂)² ÷ Σ (x − x̄)², for both laws on the scale of x"},
      {"margin", "R² minus that of the other law"}};
  return all;
}

namespace {

class Fit : public Measure {
 public:
  void options(FieldVisitor& v) override {
    series_.visit(v);
    v.field({"law", "what is fitted to x at the steps t by least squares"}, law_);
    v.field({"from", "the first step that takes part; step 0 has no logarithm", at_least(1)},
            from_);
    v.field({"to", "the last; 0: that of the run", at_least(0)}, to_);
    v.field({"give", "the number that is taken from it"}, give_);
  }
  void check(const Config& config, const Complain& complain) const override {
    series_.check_over_steps(config, complain);
    if (to_ > 0 && to_ < from_)
      complain("to", fmt::format("{} comes before from, which is {}", to_, from_), "");
    for (const auto& [key, step] : {std::pair("from", from_), std::pair("to", to_)})
      if (step > config.train.steps)
        complain(key, fmt::format("the runs end at step {}", config.train.steps), "");
  }
  double of(const RunLogs& run) const override {
    const auto [steps, values] = series_.of(run);
    const auto begin = std::ranges::lower_bound(steps, from_) - steps.begin();
    const auto end =
        to_ == 0 ? std::ssize(steps) : std::ranges::upper_bound(steps, to_) - steps.begin();
    const auto part = [&](const auto& all) {
      return std::span(all).subspan(begin, std::max<int64_t>(end - begin, 0));
    };
    const auto fitted = [&](Law law) { return fit_law(part(steps), part(values), law); };
    const Line line = fitted(law_);
    double found = give_ == OfFit::slope ? line.slope : line.r2;
    if (give_ == OfFit::margin) found -= fitted(law_ == Law::log ? Law::power : Law::log).r2;
    if (std::isnan(found))
      throw Undefined(law_ == Law::power || give_ == OfFit::margin
                          ? "a power law needs three rows, all of them positive, and a change"
                          : "a fit needs three rows and a change");
    return found;
  }

 private:
  SeriesChoice series_;
  Law law_ = Law::log;
  int64_t from_ = 1, to_ = 0;
  OfFit give_ = OfFit::slope;
};

}  // namespace

Registered<Measure> fit_kind() {
  return kind_of<Measure, Fit>("fit", "x = a + b log t, or log x = a + b log t");
}

}  // namespace waiver
