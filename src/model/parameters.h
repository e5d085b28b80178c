#pragma once

#include <algorithm>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autograd/tape.h"

namespace waiver {

/// How a parameter is initialised. Random values are drawn from (seed, parameter name, element).
struct Init {
  enum class Kind { constant, normal, uniform } kind = Kind::constant;
  double scale = 0.0;                  // the constant, the standard deviation, or the half-width
  std::vector<int64_t> own_rows = {};  // of a matrix: those with a scale of their own
  double own_scale = 0.0;

  static Init constant(double value) { return {Kind::constant, value}; }
  static Init normal(double std) { return {Kind::normal, std}; }
  static Init uniform(double limit) { return {Kind::uniform, limit}; }  // U(−limit, limit)
  /// The same, but with another scale in these rows.
  Init with_rows(std::vector<int64_t> rows, double row_scale) const {
    return {kind, scale, std::move(rows), row_scale};
  }
  double scale_of_row(int64_t row) const {
    return std::ranges::find(own_rows, row) == own_rows.end() ? scale : own_scale;
  }
};

/// by_name: every parameter has numbers of its own, whatever else there is. in_order: they are one
/// stream, as PyTorch's are (model/torch_random.h); a matrix [in, out] takes them as [out, in], and
/// one after another where several lie side by side in it.
enum class DrawOrder { by_name, in_order };

struct Parameter {
  std::string name;  // plain, e.g. blocks.0.attn.qkv.weight
  Shape shape;
  Init init;
  Variable variable;         // without a gradient: frozen
  bool by_position = false;  // row p is that of position p; a shorter context takes the first rows
  std::vector<int64_t> parts = {};  // columns of the matrices side by side in it; empty: one

  bool is_matrix() const { return shape.rank >= 2; }
};

/// Numbers that the config fixes. They are not weights: nothing trains, counts or freezes them.
/// Weight files hold them all the same, so that the weights can be used without the config.
struct Constant {
  std::string name;
  Tensor value;
};

/// Whether `name` matches the pattern; `*` stands for any characters, dots included.
bool matches(std::string_view pattern, std::string_view name);

/// The weights of a model. All values lie in one flat block, all gradients in another of the same
/// layout, so that clipping and the optimizer are single passes over flat memory.
class ParameterSet {
 public:
  /// Declares a parameter; the reference stays valid. REQUIRES: called before `allocate`.
  Parameter& add(std::string name, const Shape& shape, Init init);
  /// Declares a constant, every number of which is `value`; the reference stays valid.
  const Constant& add_constant(std::string name, const Shape& shape, float value);
  /// Gives every parameter its memory and its initial values.
  void allocate(uint64_t seed, DrawOrder order = DrawOrder::by_name);
  /// Removes the gradients of the parameters whose names match, so that no op computes them and no
  /// optimizer updates these weights; returns how many match. `*` stands for any characters.
  /// REQUIRES: called after `allocate`.
  int64_t freeze(std::string_view pattern);

  std::deque<Parameter>& all() { return parameters_; }
  const std::deque<Parameter>& all() const { return parameters_; }
  const std::deque<Constant>& constants() const { return constants_; }
  int64_t count() const;  // how many numbers the parameters hold, without padding

  /// Flat views, every parameter padded with zeros to 64 bytes.
  std::span<float> values() const { return {values_.data, static_cast<size_t>(values_.size())}; }
  std::span<float> grads() const { return {grads_.data, static_cast<size_t>(grads_.size())}; }
  /// Where a parameter begins in the flat views.
  int64_t offset(const Parameter& p) const { return p.variable.value.data - values_.data; }
  void zero_grads();

 private:
  std::deque<Parameter> parameters_;
  std::deque<Constant> constants_;
  Arena arena_;
  Tensor values_, grads_;
};

}  // namespace waiver
