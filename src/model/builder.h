#pragma once

#include <string>

#include "autograd/ops/ops.h"
#include "core/fields/fields.h"
#include "model/parameters.h"

namespace waiver {

/// How weights are initialised.
enum class InitKind { fan_in, torch, gpt2, normal };
std::span<const Choice> words(InitKind);

struct InitConfig {
  InitKind kind = InitKind::fan_in;
  double std = 0.02;

  void visit(FieldVisitor& v);
  /// Embeddings are N(0, 1), matrices U(±1/√fan_in).
  bool by_fan_in() const { return kind == InitKind::fan_in || kind == InitKind::torch; }
  double embedding_std() const { return by_fan_in() ? 1.0 : std; }
};

/// The parameters of y = x W + b; without a bias, `bias` is null.
struct Linear {
  Parameter *weight = nullptr, *bias = nullptr;
};
Variable apply(Tape& tape, const Linear& layer, Variable x);
/// Empty where the parameter is null.
inline Variable value_of(const Parameter* p) { return p ? p->variable : Variable{}; }
inline Affine value_of(const Linear& layer) {
  return {layer.weight->variable, value_of(layer.bias)};
}

/// Declares the parameters of a model's parts, initialised as the config asks.
class Builder {
 public:
  Builder(ParameterSet& parameters, const InitConfig& init, int64_t layers)
      : parameters_(parameters), init_(init), layers_(layers) {}

  /// {name}.weight [in, out] and, where asked for, {name}.bias [out]. `residual`: its output is
  /// added to the residual stream.
  Linear linear(const std::string& name, int64_t in, int64_t out, bool bias, bool residual = false);
  /// How a matrix that sums over `in` numbers is initialised.
  Init matrix(int64_t in, bool residual = false) const;
  Parameter& add(std::string name, const Shape& shape, Init init) {
    return parameters_.add(std::move(name), shape, init);
  }

  const Constant& constant(std::string name, const Shape& shape, double value) {
    return parameters_.add_constant(std::move(name), shape, static_cast<float>(value));
  }

 private:
  ParameterSet& parameters_;
  const InitConfig& init_;
  int64_t layers_;
};

}  // namespace waiver
