#pragma once

#include <vector>

#include "data/dataset.h"
#include "data/sampler.h"

namespace waiver {

/// Bigram-Backcopy (Guo et al., 2410.13835): x_0 is the first token; x_1 follows `first`; then
/// x_t = x_{t−2} where x_{t−1} is a trigger, else x_t ~ follow[x_{t−1}].
class BackcopyTask : public Dataset {
 public:
  int64_t vocabulary() const override { return static_cast<int64_t>(is_trigger_.size()); }
  int32_t first_token() const override { return bos_; }
  void batch(uint64_t seed, Split split, int64_t index, Batch& out) const override;
  bool is_task() const override { return true; }
  Role role(const int32_t* inputs, int64_t t) const override {
    return is_trigger_[inputs[t]] ? Role::trigger : Role::plain;
  }
  void next(const int32_t* inputs, int64_t t, std::span<float> p) const override;

  /// The tables, for tests.
  const Sampler& first() const { return first_; }
  const Sampler& follow(int32_t token) const { return follow_[token]; }

 protected:
  int32_t bos_ = 0;
  std::vector<bool> is_trigger_;
  Sampler first_;
  std::vector<Sampler> follow_;  // of every token; a trigger's own row is never drawn from
};

}  // namespace waiver
