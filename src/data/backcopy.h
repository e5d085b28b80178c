#pragma once

#include <vector>

#include "data/rule.h"
#include "data/task.h"

namespace waiver {

/// Bigram-Backcopy (Guo et al., 2410.13835) and its controls: the first tokens are followed by one
/// drawn from `opening`; then x_t ~ follow[x_{t−1}], except that a rule decides where x_{t−1} is a
/// trigger, by default x_t = x_{t−2}.
class BackcopyTask : public Task {
 public:
  void options(FieldVisitor& v) override;
  std::vector<std::string> query_roles() const override { return {"plain", "trigger"}; }
  int64_t query_role(const int32_t* inputs, int64_t t) const override {
    return is_trigger(inputs[t]) ? 1 : kPlain;
  }

  const Sampler& opening() const { return opening_; }
  /// After a last token that an edit has put before others, the data opens anew.
  const Sampler& follow(int32_t token) const {
    return token < std::ssize(follow_) ? follow_[token] : opening_;
  }

 protected:
  BackcopyTask() : Task(1) {}
  Law law(const int32_t* x, int64_t t) const override;
  std::vector<std::string> own_key_roles() const override { return {"trigger"}; }
  int64_t own_key_role(int32_t token, int64_t t) const override {
    return is_trigger(token) && !is_first(t) ? 0 : -1;
  }
  /// Throws UsageError for a rule without any trigger.
  void check_rule() const;

  int64_t triggers_ = 3;
  std::vector<bool> is_trigger_;
  Sampler opening_;
  std::vector<Sampler> follow_;  // for every token but the last

 private:
  bool is_trigger(int32_t token) const {
    return token < std::ssize(is_trigger_) && is_trigger_[token];
  }

  Kind<TriggerRule> rule_{"copy"};
};

}  // namespace waiver
