#pragma once

#include <memory>
#include <string>

#include "model/config.h"

namespace waiver {

/// How attention or MLP, f, joins the residual stream x:
///   pre       x + f(norm(x))
///   post      norm(x + f(x))
///   sandwich  x + norm_out(f(norm(x)))
class Branch {
 public:
  /// Its norms are called {name}, and {name}_out where f's output has a second one.
  Branch(Builder& builder, const ModelConfig& config, const std::string& name);

  template <class F>
  Variable join(Tape& tape, Variable x, const F& f) const {
    Variable y = f(in_ ? in_->apply(tape, x) : x);
    if (out_) y = out_->apply(tape, y);
    x = add(tape, x, y);
    return after_ ? after_->apply(tape, x) : x;
  }

 private:
  std::unique_ptr<Norm> in_, out_, after_;
};

/// A norm of the residual stream, as the config says.
std::unique_ptr<Norm> build_norm(Builder& builder, const ModelConfig& config,
                                 const std::string& name);

}  // namespace waiver
