#pragma once

#include "core/fields/kind.h"
#include "data/task.h"

namespace waiver {

class BackcopyTask;

/// What follows a trigger.
class TriggerRule {
 public:
  virtual ~TriggerRule() = default;
  virtual void options(FieldVisitor&) {}
  /// The distribution of the token at t ≥ 1, where x[t − 1] is a trigger.
  virtual Law law(const BackcopyTask& task, const int32_t* x, int64_t t) const = 0;
};

}  // namespace waiver
