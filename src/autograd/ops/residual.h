#pragma once

#include <optional>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"

namespace waiver {

/// The sum y = x + z row by row, for ops that go on with its rows while they are in cache. Without
/// z, y is x.
class Residual {
 public:
  Residual(Tape& tape, const Check& check, const Variable& x, const Variable& z) : x_(x), z_(z) {
    if (z.value) {
      check.equal("x", x.shape(), "z", z.shape());
      check.contiguous("x", x.value);
      check.contiguous("z", z.value);
    }
    y_ = z.value ? tape.continuing(x) : x;
  }

  const Variable& sum() const { return y_; }
  void add(int64_t n) const {
    if (!z_.value) return;
    const float *x = x_.value.row(n), *z = z_.value.row(n);
    float* y = y_.value.row(n);
    for (int64_t c = 0; c < y_.shape()[1]; ++c) y[c] = x[c] + z[c];
  }

  /// The gradients of x and z, once that of y is complete.
  class Back {
   public:
    explicit Back(const Residual& r) : C_(r.y_.shape()[1]), y_(r.y_.grad) {
      if (!r.z_.value) return;
      z_.emplace(r.z_);
      if (!r.y_.shares_gradient(r.x_)) x_.emplace(r.x_);
    }
    void pass(int64_t n) const {
      const float* dy = y_.row(n);
      for (const auto* input : {&z_, &x_}) {
        if (!*input) continue;
        const GradientRow to = (*input)->row(n);
        for (int64_t c = 0; c < C_; ++c) to[c] += dy[c];
      }
    }

   private:
    int64_t C_;
    Tensor y_;
    std::optional<Gradient> x_, z_;
  };

 private:
  Variable x_, z_, y_;
};

}  // namespace waiver
