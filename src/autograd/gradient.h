#pragma once

#include <algorithm>

#include "autograd/tape.h"

namespace waiver {

/// Part of a gradient as a formula writes it: `dx[c] += v` adds to what is there, or sets the
/// number where there is nothing yet. REQUIRES: each number is written once, or skipped.
class GradientRow {
 public:
  struct Number {
    float& number;
    bool first;
    void operator+=(float v) const { number = (first ? 0.0f : number) + v; }
  };

  GradientRow(float* numbers, bool first) : numbers_(numbers), first_(first) {}
  Number operator[](int64_t i) const { return {numbers_[i], first_}; }
  /// Adds value(i) to the numbers [begin, end) without a branch in the loop: for formulas with
  /// which compilers do not move it out of there, and so do not vectorise.
  template <class F>
  void add(int64_t begin, int64_t end, const F& value) const {
    if (first_)
      for (int64_t i = begin; i < end; ++i) numbers_[i] = 0.0f + value(i);
    else
      for (int64_t i = begin; i < end; ++i) numbers_[i] += value(i);
  }
  /// The numbers from the i-th onwards.
  GradientRow from(int64_t i) const { return {numbers_ + i, first_}; }
  /// Adds nothing to the next n numbers.
  void skip(int64_t n) const {
    if (first_) std::fill_n(numbers_, n, 0.0f);
  }
  /// The numbers themselves, once they are written or skipped.
  float* written() const { return numbers_; }

 private:
  float* numbers_;
  bool first_;
};

/// The gradient of an op's input. Each op that adds to it constructs one of these first; it alone
/// knows whether the op is the first to write there.
///   const Gradient dx(x);
///   dx.row(n)[c] += …;   or   gemm(…, dx.beta(), dx.tensor().row(n), …);
class Gradient {
 public:
  /// REQUIRES: x wants a gradient.
  explicit Gradient(const Variable& x) : grad_(x.grad), first_(x.first_gradient()) {}

  GradientRow row(int64_t n) const { return {grad_.row(n), first_}; }
  /// All of it. REQUIRES: it is contiguous.
  GradientRow all() const { return {grad_.data, first_}; }
  /// The factor by which a product scales what is there before it adds its own.
  float beta() const { return first_ ? 0.0f : 1.0f; }
  const Tensor& tensor() const { return grad_; }

 private:
  Tensor grad_;
  bool first_;
};

}  // namespace waiver
