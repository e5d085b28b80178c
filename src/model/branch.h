#pragma once

#include <memory>
#include <string>

#include "model/config.h"
#include "model/input.h"

namespace waiver {

/// The residual stream, and its part for the next norm where that is known already.
struct Stream {
  Variable x, normed = {};
};

/// How attention or the MLP, f, is added to the residual stream x:
///   pre       x + f(norm(x))
///   post      norm(x + f(x))
///   sandwich  x + norm_out(f(norm(x)))
/// Dropout acts on what is added to x. Without the residual stream, only f's part remains:
/// f(norm(x)), norm(f(x)), norm_out(f(norm(x))).
class Branch {
 public:
  /// Its norms are named {norm}, and {norm}_out where f's output has a second one; `place`
  /// distinguishes its dropout from others.
  Branch(Builder& builder, const ModelConfig& config, const std::string& norm,
         const std::string& place);

  /// The norm of its input; null where it has none.
  const Norm* in() const { return in_.get(); }

  /// What f adds to x, before `post` normalises the sum; `added` is shown it. `enter` gives what
  /// f's input is made of, x itself or x with something added.
  template <class E, class F, class G>
  Variable apply(Tape& tape, const Stream& stream, const Input& input, const E& enter, const F& f,
                 const G& added) const {
    const Variable x = stream.x;
    const auto entered = [&] { return in_ ? in_->apply(tape, enter(x)) : enter(x); };
    Variable y = f(stream.normed.value ? stream.normed : entered());
    if (out_) y = out_->apply(tape, y);
    y = dropout_.apply(tape, y, input.noise, input.batch);
    added(y.value);
    return y;
  }
  /// x joined by what f adds to it. `next`, where given, is the norm that will be applied to the
  /// result: its part comes out of the same pass.
  Stream join(Tape& tape, Variable x, Variable y, const Norm* next) const {
    if (after_) return {after_->apply(tape, residual_ ? add(tape, x, y) : y)};
    if (!residual_) return {y};
    if (!next) return {add(tape, x, y)};
    const auto [sum, normed] = next->add_and_apply(tape, x, y);
    return {sum, normed};
  }

 private:
  std::unique_ptr<Norm> in_, out_, after_;
  Dropout dropout_;
  bool residual_;
};

/// A norm of the residual stream, as the config has it.
std::unique_ptr<Norm> build_norm(Builder& builder, const ModelConfig& config,
                                 const std::string& name);

}  // namespace waiver
