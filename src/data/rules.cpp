#include "data/backcopy.h"
#include "data/rule.h"

namespace waiver {
namespace {

template <class Derived>
class Rule : public TriggerRule {
 public:
};

// x_{t−2} with probability `share`, where there is such a token; else a draw as after any token.
Law copy_with(double share, const BackcopyTask& task, const int32_t* x, int64_t t) {
  Law law{&task.follow(x[t - 1])};
  if (t >= 2) law.copy = x[t - 2], law.share = share;
  return law;
}

class Copy : public Rule<Copy> {
 public:
  Law law(const BackcopyTask& task, const int32_t* x, int64_t t) const override {
    return copy_with(1.0, task, x, t);
  }
};

class Markov : public Rule<Markov> {
 public:
  Law law(const BackcopyTask& task, const int32_t* x, int64_t t) const override {
    return {&task.follow(x[t - 1])};
  }
};

class Dormant : public Rule<Dormant> {
 public:
  Law law(const BackcopyTask& task, const int32_t* x, int64_t t) const override {
    return {&task.follow(x[t >= 2 ? t - 2 : t - 1])};
  }
};

class Interpolate : public Rule<Interpolate> {
 public:
  void options(FieldVisitor& v) override {
    v.field({"p", "probability of a copy", between(0, 1)}, p_);
  }
  Law law(const BackcopyTask& task, const int32_t* x, int64_t t) const override {
    return copy_with(p_, task, x, t);
  }

 private:
  double p_ = 0.5;
};

class InContext : public Rule<InContext> {
 public:
  Law law(const BackcopyTask& task, const int32_t* x, int64_t t) const override {
    int64_t earliest = 0;
    while (x[earliest] != x[t - 1]) ++earliest;
    if (earliest == t - 1) return {&task.opening()};
    return {nullptr, x[earliest + 1], 1.0};
  }
};

}  // namespace

Registered<TriggerRule> copy_kind() { return kind_of<TriggerRule, Copy>("copy", "x_t = x_{t−2}"); }

Registered<TriggerRule> markov_kind() {
  return kind_of<TriggerRule, Markov>("markov",
                                      "no copying: x_t ~ cond[x_{t−1}], as after any other token");
}

Registered<TriggerRule> dormant_kind() {
  return kind_of<TriggerRule, Dormant>("dormant", "x_t ~ cond[x_{t−2}]");
}

Registered<TriggerRule> interpolate_kind() {
  return kind_of<TriggerRule, Interpolate>("interpolate",
                                           "a copy with probability p, else as markov");
}

Registered<TriggerRule> in_context_kind() {
  return kind_of<TriggerRule, InContext>(
      "in_context",
      "an output token per trigger, drawn anew for every sequence like the first token of data: "
      "the token that followed the trigger's first occurrence");
}

}  // namespace waiver
