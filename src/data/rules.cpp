#include "data/backcopy.h"
#include "data/registry.h"

namespace waiver {
namespace {

template <class Derived>
class Rule : public TriggerRule {
 public:
  std::unique_ptr<TriggerRule> clone() const override {
    return std::make_unique<Derived>(static_cast<const Derived&>(*this));
  }
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
    v.field("p", p_, between(0, 1), "probability of a copy");
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

std::unique_ptr<TriggerRule> make_copy() { return std::make_unique<Copy>(); }
std::unique_ptr<TriggerRule> make_markov() { return std::make_unique<Markov>(); }
std::unique_ptr<TriggerRule> make_dormant() { return std::make_unique<Dormant>(); }
std::unique_ptr<TriggerRule> make_interpolate() { return std::make_unique<Interpolate>(); }
std::unique_ptr<TriggerRule> make_in_context() { return std::make_unique<InContext>(); }

}  // namespace waiver
