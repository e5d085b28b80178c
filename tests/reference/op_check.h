#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "autograd/ops/ops.h"
#include "core/random.h"
#include "core/threads.h"
#include "reference/scalar.h"

/// How an op is compared with plain loops in double precision, forward and backward.
namespace waiver::op_check {

using reference::Dual;
using Fast = std::function<Variable(Tape&, const std::vector<Variable>&)>;
template <class S>
using Values = std::vector<std::vector<S>>;  // of every input

inline std::vector<float> noise(std::string_view stream, int64_t n) {
  std::vector<float> out(n);
  const Random random(17, stream);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(random.normal(i));
  return out;
}

inline std::vector<float> copy(const Tensor& t) {
  std::vector<float> out;
  const int64_t width = t.shape[-1];
  for (int64_t r = 0; r < t.size() / width; ++r) out.insert(out.end(), t.row(r), t.row(r) + width);
  return out;
}

/// For ops that work in place: `in` must stay unchanged.
inline Variable copy_of(Tape& tape, const Variable& in) {
  Variable out = add(tape, in, tape.variable(in.shape()));
  std::copy_n(in.value.data, in.value.size(), out.value.data);
  return out;
}

inline void fill(const Tensor& t, const std::vector<float>& values) {
  const int64_t width = t.shape[-1];
  for (int64_t r = 0; r < t.size() / width; ++r)
    std::copy_n(values.begin() + r * width, width, t.row(r));
}

// An op's results for inputs filled with noise and a noisy output gradient.
struct Result {
  std::vector<float> y;
  std::vector<std::vector<float>> grads;
  std::vector<bool> set;  // whether the op claimed to be the first to write an input's gradient
  bool operator==(const Result&) const = default;
};

constexpr size_t kMemory = 1 << 22;  // more than any case here uses

inline Result run_fast(const Fast& op, const std::vector<Shape>& shapes, float grad_before,
                       bool untouched = false) {
  Arena arena;
  std::fill_n(arena.array<float>(kMemory), kMemory, NAN);  // reveals what an op forgets to write
  arena.reset();
  Tape tape(arena);
  std::vector<Variable> inputs;
  for (size_t k = 0; k < shapes.size(); ++k) {
    inputs.push_back(tape.variable(shapes[k]));
    const auto values = noise("input " + std::to_string(k), shapes[k].size());
    fill(inputs[k].value, values);
    std::fill_n(inputs[k].grad.data, values.size(), grad_before);
    *inputs[k].untouched = untouched;
  }
  const Variable y = op(tape, inputs);
  Result result{copy(y.value), {}, {}};
  const auto dy = noise("output gradient", y.value.size());
  fill(y.grad, dy);
  tape.backward(y, dy[0]);
  for (const Variable& input : inputs) {
    result.grads.push_back(copy(input.grad));
    result.set.push_back(untouched && !*input.untouched);
  }
  return result;
}

template <class S>
Values<S> exact_inputs(const std::vector<Shape>& shapes) {
  Values<S> inputs;
  for (size_t k = 0; k < shapes.size(); ++k) {
    const auto values = noise("input " + std::to_string(k), shapes[k].size());
    inputs.emplace_back(values.begin(), values.end());
  }
  return inputs;
}

inline double sign(int direction, size_t i) {
  return Random(19, "signs", direction).below(i, 2) ? 1.0 : -1.0;
}

template <class T>
double largest(const std::vector<T>& x) {
  double top = 0;
  for (double v : x) top = std::max(top, std::abs(v));
  return top;
}

inline double length(const std::vector<double>& x) {
  double squares = 0;
  for (double v : x) squares += v * v;
  return std::sqrt(squares);
}

// `plain` takes Values<S> and returns the output as std::vector<S>. Tolerances: fp32 rounds to
// 6e-8, sums over up to 200 terms lose a factor of ten (worst found: 9e-7), the rest is room for
// another order of summation. Gradients are compared along random signs, relative to their
// Euclidean length, the typical size of such a sum.
template <class Plain>
void check(const std::vector<Shape>& shapes, const Fast& op, const Plain& plain) {
  const Result fast = run_fast(op, shapes, 0.0f);

  const std::vector<double> truth = plain(exact_inputs<double>(shapes));
  REQUIRE(fast.y.size() == truth.size());
  const double top = largest(truth);
  for (size_t i = 0; i < truth.size(); ++i) {
    INFO("output ", i);
    REQUIRE(std::abs(fast.y[i] - truth[i]) <= 2e-6 * top);
  }

  const auto dy = noise("output gradient", static_cast<int64_t>(truth.size()));
  for (size_t k = 0; k < shapes.size(); ++k) {
    INFO("gradient of input ", k);
    Values<Dual> inputs = exact_inputs<Dual>(shapes);
    for (size_t i = 0; i < inputs[k].size(); ++i)
      for (int d = 0; d < Dual::kDirections; ++d) inputs[k][i].slopes[d] = sign(d, i);
    const std::vector<Dual> y = plain(inputs);
    const std::vector<double> grad(fast.grads[k].begin(), fast.grads[k].end());
    for (int d = 0; d < Dual::kDirections; ++d) {
      double along = 0, expected = 0;
      for (size_t i = 0; i < grad.size(); ++i) along += sign(d, i) * grad[i];
      for (size_t i = 0; i < y.size(); ++i) expected += dy[i] * y[i].slopes[d];
      CHECK(std::abs(along - expected) <= 3e-6 * length(grad));
    }
  }

  const Result added = run_fast(op, shapes, 1.0f);
  for (size_t k = 0; k < shapes.size(); ++k) {
    INFO("gradients add up, input ", k);
    const double scale = 1.0 + largest(fast.grads[k]);
    for (size_t i = 0; i < fast.grads[k].size(); ++i)
      REQUIRE(std::abs(added.grads[k][i] - (1.0 + fast.grads[k][i])) <= 1e-6 * scale);
  }

  // An untouched gradient holds garbage: either the op sets it, or it is a parameter's and
  // accumulates.
  const Result set = run_fast(op, shapes, 1.0f, true);
  for (size_t k = 0; k < shapes.size(); ++k) {
    INFO("the first gradient of input ", k);
    const std::vector<float>& right = set.set[k] ? fast.grads[k] : added.grads[k];
    CHECK(set.grads[k] == right);
  }

  const int before = threads();
  for (int count : {1, 2, 5}) {
    set_threads(count);
    INFO("with ", count, " threads");
    CHECK(run_fast(op, shapes, 0.0f) == fast);
  }
  set_threads(before);
}

inline std::vector<int32_t> whole_numbers(std::string_view stream, int64_t n, int64_t below) {
  std::vector<int32_t> out(n);
  const Random random(23, stream);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<int32_t>(random.below(i, below));
  return out;
}

}  // namespace waiver::op_check
