#include "model/block.h"

#include <fmt/format.h>

namespace waiver {
Block::Attention::Attention(Builder& builder, const ModelConfig& config, int64_t layer,
                            const std::string& block)
    : branch(builder, config, block + "norm1", block + "attn"),
      mask(config.attention.mask.make()),
      normalizer(config.attention.normalizer.make()),
      slot(config.attention.slot.make()),
      qk_norm(config.attention.qk_norm.make()),
      gate(config.attention.gate.make()) {
  mask->settle(layer, config.sink_tokens);
  const int64_t C = config.width;
  const bool bias = config.attention.bias;
  qkv = builder.linear(block + "attn.qkv", C, 3 * C, bias);
  normalizer->build(builder, block + "attn", config.heads);
  slot->build(builder, block + "attn", config.heads, C / config.heads);
  qk_norm->build(builder, block + "attn", config.heads, C);
  gate->build(builder, block + "attn.gate", config.heads, C);
  out = builder.linear(block + "attn.out", C, C, bias, true);
}

Block::Perceptron::Perceptron(Builder& builder, const ModelConfig& config, const std::string& block)
    : branch(builder, config, block + "norm2", block + "mlp"), mlp(config.mlp.kind.make()) {
  mlp->build(builder, block + "mlp", {config.width, config.mlp.width, config.mlp.bias});
}

Block::Block(Builder& builder, const ModelConfig& config, int64_t layer) {
  const std::string name = fmt::format("blocks.{}.", layer);
  if (config.has_attention(layer)) attention.emplace(builder, config, layer, name);
  if (config.has_mlp(layer)) perceptron.emplace(builder, config, name);
}

}  // namespace waiver
