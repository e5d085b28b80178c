#include "data/backcopy.h"

#include "core/error.h"

namespace waiver {

void BackcopyTask::options(FieldVisitor& v) {
  v.field({"rule", "what follows a trigger (Guo et al., 2410.13835)"}, rule_);
  FramedDataset::options(v);
}

void BackcopyTask::check_rule() const {
  if (triggers_ == 0 && rule_.name() != "copy")
    throw UsageError("data.rule",
                     rule_.name() + " says what follows a trigger, but data.triggers is 0",
                     "Leave the rule out, or set data.triggers.");
}

Law BackcopyTask::law(const int32_t* x, int64_t t) const {
  if (t <= first()) return {&opening_};
  return is_trigger(x[t - 1]) ? rule_->law(*this, x, t) : Law{&follow(x[t - 1])};
}

}  // namespace waiver
