#include <limits>

#include "study/measures/series_choice.h"

namespace waiver {
namespace {

/// min {t : x is across the threshold at t and at the next two rows}.
class OnsetStep : public Measure {
 public:
  void options(FieldVisitor& v) override {
    series_.visit(v);
    crossing_.visit(v);
  }
  void check(const Config& config, const Complain& complain) const override {
    series_.check_over_steps(config, complain);
    crossing_.check(complain);
  }
  double of(const RunLogs& run) const override {
    const auto [steps, values] = series_.of(run);
    require_rows_of_onset(steps.size());
    const Onset onset = find_onset(steps, values, crossing_.threshold(), crossing_.side());
    return onset.step < 0 ? std::numeric_limits<double>::infinity()
                          : static_cast<double>(onset.step);
  }

 private:
  SeriesChoice series_;
  Crossing crossing_;
};

}  // namespace

Registered<Measure> onset_kind() {
  return kind_of<Measure, OnsetStep>(
      "onset", "the first step with x across the threshold for 3 rows in a row; ∞: never");
}

}  // namespace waiver
