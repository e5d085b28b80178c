#include <fmt/format.h>

#include <algorithm>

#include "study/measures/series_choice.h"

namespace waiver {
namespace {

/// x(t'), t' the first row of x at or after t* = min {t : loss(t) ≤ at_most}.
class Matched : public Measure {
 public:
  void options(FieldVisitor& v) override {
    series_.visit(v);
    v.field({"loss", "the series that must come down first, one number a row"}, loss_);
    v.field({"at_most", "how far"}, at_most_);
  }
  void check(const Config& config, const Complain& complain) const override {
    series_.check(config, complain);
    if (loss_.empty()) complain("loss", "missing; it has no default", "");
    const SeriesSpec* loss = check_series(loss_, "loss", config, complain);
    if (loss) check_evaluated(loss_, "loss", config, complain);
    if (loss && !loss->axes.empty())
      complain("loss", fmt::format("{} is more than one number a row", loss_), "");
    if (std::isnan(at_most_)) complain("at_most", "missing; it has no default", "");
  }
  double of(const RunLogs& run) const override {
    const Curve loss = read_curve(run, loss_), x = series_.of(run);
    const auto low = [&](double value) { return value <= at_most_; };
    const auto at = std::ranges::find_if(loss.values, low);
    if (at == loss.values.end())
      throw Undefined(fmt::format("{} never came down to {}", loss_, at_most_));
    const int64_t step = loss.steps[at - loss.values.begin()];
    const auto row = std::ranges::lower_bound(x.steps, step);
    if (row == x.steps.end())
      throw Undefined(fmt::format("the series has no row after step {}", step));
    return x.values[row - x.steps.begin()];
  }

 private:
  SeriesChoice series_;
  std::string loss_ = "eval/loss";
  double at_most_ = NAN;
};

}  // namespace

Registered<Measure> matched_kind() {
  return kind_of<Measure, Matched>(
      "matched",
      "x at equal loss: at the first row at or after the first step with loss ≤ at_most");
}

}  // namespace waiver
