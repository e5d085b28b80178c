#pragma once

#include "data/categorical.h"
#include "data/framed.h"

namespace waiver {

/// How a token is generated: with probability `share` it is `copy`, else it is drawn from `draw`.
struct Law {
  const Sampler* draw = nullptr;
  int32_t copy = 0;
  double share = 0;

  /// The token for u ∈ [0, 1).
  int32_t operator()(double u) const;
  double probability(int64_t token) const;
};

/// Sequences drawn token by token, each from a distribution that depends on the tokens before it. A
/// token that an edit puts in place counts like any other, so the stated distribution of what
/// follows remains true.
class Task : public FramedDataset {
 public:
  void fill(const Draws& draws, Batch& out) const final;
  bool is_task() const final { return true; }
  void next(const int32_t* inputs, int64_t t, std::span<float> p) const final;

 protected:
  using FramedDataset::FramedDataset;
  /// The distribution of the token at t, given x[0 … t − 1].
  virtual Law law(const int32_t* x, int64_t t) const = 0;

 private:
  int32_t token(const int32_t* x, int64_t t, double u) const;
};

}  // namespace waiver
