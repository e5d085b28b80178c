#pragma once

#include <memory>
#include <string>

#include "model/config.h"
#include "model/input.h"

namespace waiver {

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

  /// `added` is shown what is added to x: f's part after norm_out and dropout, before `post`
  /// normalises the sum.
  template <class F, class G>
  Variable join(Tape& tape, Variable x, const Input& input, const F& f, const G& added) const {
    Variable y = f(in_ ? in_->apply(tape, x) : x);
    if (out_) y = out_->apply(tape, y);
    y = dropout_.apply(tape, y, input.noise, input.batch);
    added(y.value);
    x = residual_ ? add(tape, x, y) : y;
    return after_ ? after_->apply(tape, x) : x;
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
