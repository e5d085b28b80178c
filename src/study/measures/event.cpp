#include "study/measures/event_step.h"

namespace waiver {
namespace {

class EventStep : public Measure {
 public:
  void options(FieldVisitor& v) override {
    v.field(Field{"name", "risk, enrichment, sink, value or residual"}.must_be_given(), name_);
  }
  void check(const Config& config, const Complain& complain) const override {
    check_event(name_, "name", config, complain);
  }
  double of(const RunLogs& run) const override { return event_step(run, name_); }

 private:
  std::string name_;
};

}  // namespace

Registered<Measure> event_kind() {
  return kind_of<Measure, EventStep>(
      "event", "the step of an event at the run's strongest waiver; ∞: never");
}

}  // namespace waiver
