#include <algorithm>

#include "study/measures/series_choice.h"

namespace waiver {

enum class Extreme { max, min };
std::span<const Choice> words(Extreme) {
  static constexpr Choice all[] = {{"max", "the largest x"}, {"min", "the smallest x"}};
  return all;
}

enum class OfPeak { step, left };
std::span<const Choice> words(OfPeak) {
  static constexpr Choice all[] = {{"step", "the first step at which x is there"},
                                   {"left", "x at the last row divided by x there"}};
  return all;
}

namespace {

/// Where a curve is at its extreme, and how much of that is left at the end.
class Peak : public Measure {
 public:
  void options(FieldVisitor& v) override {
    series_.visit(v);
    v.field({"of", "which extreme"}, of_);
    v.field({"give", "the number that is taken from it"}, give_);
  }
  void check(const Config& config, const Complain& complain) const override {
    series_.check_over_steps(config, complain);
  }
  double of(const RunLogs& run) const override {
    const auto [steps, values] = series_.of(run);
    // NaN is neither larger nor smaller than the best of the rows before it.
    auto best = values.end();
    for (auto x = values.begin(); x != values.end(); ++x)
      if (!std::isnan(*x) &&
          (best == values.end() || (of_ == Extreme::max ? *x > *best : *x < *best)))
        best = x;
    if (best == values.end()) throw Undefined("the series is undefined at every step");
    if (give_ == OfPeak::step) return static_cast<double>(steps[best - values.begin()]);
    if (*best == 0) throw Undefined("the series is 0 at its extreme");
    return values.back() / *best;
  }

 private:
  SeriesChoice series_;
  Extreme of_ = Extreme::max;
  OfPeak give_ = OfPeak::step;
};

}  // namespace

Registered<Measure> peak_kind() {
  return kind_of<Measure, Peak>("peak",
                                "the largest or smallest x over the steps, and what is left of it");
}

}  // namespace waiver
