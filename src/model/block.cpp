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
  const int64_t C = config.width, H = config.heads, K = config.key_heads(),
                D = config.channels_per_head();
  const AttentionBias bias = config.attention.bias;
  qkv = builder.linear(block + "attn.qkv", C, (H + 2 * K) * D, bias != AttentionBias::none);
  qkv.weight->parts = {H * D, K * D, K * D};
  normalizer->build(builder, block + "attn", H);
  slot->build(builder, block + "attn", H, D);
  qk_norm->build(builder, block + "attn", H, D);
  gate->build(builder, block + "attn.gate", {H, D, C});
  out = builder.linear(block + "attn.out", H * D, C, bias == AttentionBias::all, true);
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
