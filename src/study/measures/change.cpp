#include "probe/events/change_point.h"
#include "study/measures/series_choice.h"

namespace waiver {

enum class OfChange { step, size };
std::span<const Choice> words(OfChange) {
  static constexpr Choice all[] = {{"step", "the first step after it"},
                                   {"size", "the mean after it minus the mean before it"}};
  return all;
}

namespace {

class Change : public Measure {
 public:
  void options(FieldVisitor& v) override {
    series_.visit(v);
    v.field({"give", "the number that is taken from it"}, give_);
  }
  void check(const Config& config, const Complain& complain) const override {
    series_.check_over_steps(config, complain);
  }
  double of(const RunLogs& run) const override {
    const auto [steps, values] = series_.of(run);
    const ChangePoint change = find_change_point(steps, values);
    if (give_ == OfChange::size) return change.size;
    if (change.step < 0) throw Undefined("the series never changed");
    return static_cast<double>(change.step);
  }

 private:
  SeriesChoice series_;
  OfChange give_ = OfChange::step;
};

}  // namespace

Registered<Measure> change_kind() {
  return kind_of<Measure, Change>(
      "change", "the change point of x: the split into two constants with the least Σ (x − x̄)²");
}

}  // namespace waiver
