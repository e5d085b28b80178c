#pragma once

#include <memory>
#include <span>
#include <vector>

#include "autograd/ops/ops.h"
#include "model/capture.h"
#include "model/config.h"
#include "model/parameters.h"

namespace waiver {

/// B sequences of T tokens, row-major, and the position id of each of the T places; without ids,
/// place t has position t. REQUIRES: arrays stay until backward.
struct Input {
  std::span<const int32_t> tokens;  // [B·T]
  int64_t batch = 0, length = 0;
  std::span<const int32_t> positions = {};  // [T], each in [0, context)
};

/// x = embed(tokens) + encoding;  x += attention(norm1(x));  x += mlp(norm2(x)) per block;
/// logits = output(norm(x)). Weights are named in plain words, matrices are [in, out]:
/// embed.token.weight, blocks.{l}.{norm1,norm2}.{gain,bias},
/// blocks.{l}.attn.{qkv,out}.{weight,bias}, blocks.{l}.mlp.{up,down}.{weight,bias},
/// final.norm.{gain,bias}, output.{weight,bias}.
class Transformer {
 public:
  Transformer(const ModelConfig& config, int64_t vocabulary, uint64_t seed);

  /// Logits [B·T, V]. Throws Error when a sequence is longer than the context.
  Variable forward(Tape& tape, const Input& input, Capture* capture = nullptr) const;

  ParameterSet& parameters() { return parameters_; }
  const ParameterSet& parameters() const { return parameters_; }
  const ModelConfig& config() const { return config_; }
  int64_t vocabulary() const { return vocabulary_; }
  const Mask& mask(int64_t layer) const { return *blocks_[layer].mask; }
  /// The keys that each query of B sequences sees in a block, [B·T].
  std::vector<VisibleKeys> visible_keys(int64_t layer, const Input& input) const;
  /// W_O of a block: [C, C], rows h·D … (h+1)·D belong to head h.
  const Tensor& output_projection(int64_t layer) const {
    return blocks_[layer].out.weight->variable.value;
  }

 private:
  struct Linear {
    Parameter *weight = nullptr, *bias = nullptr;
  };
  struct Norm {
    Parameter *gain = nullptr, *bias = nullptr;
  };
  struct Block {
    std::unique_ptr<Mask> mask;
    std::unique_ptr<Normalizer> normalizer;
    std::unique_ptr<Slot> slot;
    Norm norm1, norm2;
    Linear qkv, out, up, down;
  };
  Linear add_linear(const std::string& name, int64_t in, int64_t out, bool bias, bool residual);
  Norm add_norm(const std::string& name);
  Variable apply(Tape& tape, const Linear& layer, Variable x,
                 Activation activation = Activation::none) const;
  Variable apply(Tape& tape, const Norm& norm, Variable x) const;
  std::span<const KeyRange> documents(Arena& arena, const Input& input) const;
  Variable attend(Tape& tape, int64_t layer, Variable x, const Input& input,
                  std::span<const KeyRange> documents, Capture* capture) const;

  ModelConfig config_;
  int64_t vocabulary_;
  std::unique_ptr<PositionEncoding> encoding_;
  ParameterSet parameters_;
  Parameter* tokens_ = nullptr;
  std::vector<Block> blocks_;
  Norm final_;
  Linear output_;
};

}  // namespace waiver
