#include <cmath>

#include "study/measures/event_step.h"

namespace waiver {
namespace {

/// t_to − t_from.
class EventLag : public Measure {
 public:
  void options(FieldVisitor& v) override {
    v.field(Field{"from", "the event that is counted from"}.must_be_given(), from_);
    v.field(Field{"to", "the event that is counted to"}.must_be_given(), to_);
  }
  void check(const Config& config, const Complain& complain) const override {
    check_event(from_, "from", config, complain);
    check_event(to_, "to", config, complain);
    if (!to_.empty() && to_ == from_) complain("to", "it is the event that is counted from", "");
  }
  double of(const RunLogs& run) const override {
    const double lag = event_step(run, to_) - event_step(run, from_);
    if (std::isnan(lag)) throw Undefined("neither " + from_ + " nor " + to_ + " ever happened");
    return lag;
  }

 private:
  std::string from_, to_;
};

}  // namespace

Registered<Measure> lag_kind() {
  return kind_of<Measure, EventLag>(
      "lag",
      "the step of the event `to` minus that of `from`; ∞: only `from` happened; −∞: only "
      "`to`");
}

}  // namespace waiver
