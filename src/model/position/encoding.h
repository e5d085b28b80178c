#pragma once

#include <memory>
#include <span>

#include "autograd/ops/attention/spec.h"
#include "core/fields/kind.h"
#include "model/parameters.h"

namespace waiver {

/// The sizes an encoding is built for.
struct EncodingSizes {
  int64_t context = 0, width = 0, heads = 0, head_width = 0;
  double init_std = 0.02;               // of learned tables
  std::string name = "embed.position";  // of its parameters: {name}.weight
};

enum class Acts { nowhere, on_embeddings, on_attention_input, in_attention };
/// Whether it acts in each layer that has attention, and so may differ from layer to layer.
inline bool acts_in_layers(Acts acts) {
  return acts == Acts::on_attention_input || acts == Acts::in_attention;
}
/// Whether it adds a vector for each position.
inline bool adds_vectors(Acts acts) {
  return acts == Acts::on_embeddings || acts == Acts::on_attention_input;
}

/// Where vectors are added.
enum class Into { embeddings, attention };
std::span<const Choice> words(Into);

/// A positional encoding. It may act in four places, each doing nothing by default, and always by
/// explicit position ids: `positions[t]` is the position that token t is given, in [0, T); sink
/// tokens are below 0. Swapping two tokens' encodings is then just another list of ids.
class PositionEncoding {
 public:
  virtual ~PositionEncoding() = default;
  virtual void options(FieldVisitor&) {}
  /// Where it acts.
  virtual Acts acts() const { return Acts::in_attention; }
  /// Why these sizes cannot work, or an empty string.
  virtual std::string refuse(const EncodingSizes&) const { return {}; }
  virtual void build(ParameterSet&, const EncodingSizes&) {}

  /// x [B·T, C] → x + what the position adds.
  virtual Variable embed(Tape&, Variable x, std::span<const int32_t> /*positions*/) const {
    return x;
  }
  /// x [B·S, C], the input of a block's attention, before any norm → x + what the position adds
  /// there alone, not to the residual stream.
  virtual Variable enter_attention(Tape&, Variable x,
                                   std::span<const int32_t> /*positions*/) const {
    return x;
  }
  /// Rotates the queries and keys within qkv [B·T, 3C], in place.
  virtual void rotate(Tape&, Variable /*qkv*/, std::span<const int32_t> /*positions*/) const {}
  /// What is added to the scores, or null.
  virtual const ScoreBias* bias() const { return nullptr; }
};

}  // namespace waiver
