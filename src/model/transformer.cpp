#include "model/transformer.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "core/error.h"

namespace waiver {
namespace {

void show(Capture* capture, int64_t layer, std::string_view point, const Tensor& t) {
  if (capture && capture->wants(layer, point)) capture->take(layer, point, t);
}

Variable value_of(const Parameter* p) { return p ? p->variable : Variable{}; }

}  // namespace

Transformer::Transformer(const ModelConfig& config, int64_t vocabulary, uint64_t seed)
    : config_(config), vocabulary_(vocabulary), encoding_(config.position.make()) {
  const int64_t C = config_.width;
  tokens_ = &parameters_.add("embed.token.weight", {vocabulary, C},
                             Init::normal(config_.embedding_std()));
  encoding_->build(parameters_, config_.encoding_sizes());
  for (int64_t l = 0; l < config_.layers; ++l) {
    const std::string name = fmt::format("blocks.{}.", l);
    Block block;
    block.mask = config_.attention.mask->in_layer(l);
    block.normalizer = config_.attention.normalizer.make();
    block.normalizer->build(parameters_, name + "attn", config_.heads);
    block.slot = config_.attention.slot.make();
    block.slot->build(parameters_, name + "attn", config_.heads, C / config_.heads);
    block.norm1 = add_norm(name + "norm1");
    block.qkv = add_linear(name + "attn.qkv", C, 3 * C, config_.attention.bias, false);
    block.out = add_linear(name + "attn.out", C, C, config_.attention.bias, true);
    block.norm2 = add_norm(name + "norm2");
    block.up = add_linear(name + "mlp.up", C, config_.mlp.width, config_.mlp.bias, false);
    block.down = add_linear(name + "mlp.down", config_.mlp.width, C, config_.mlp.bias, true);
    blocks_.push_back(std::move(block));
  }
  final_ = add_norm("final.norm");
  if (!config_.output.tied)
    output_ = add_linear("output", C, vocabulary, config_.output.bias, false);
  else if (config_.output.bias)
    output_.bias = &parameters_.add("output.bias", {vocabulary}, Init::constant(0));
  parameters_.allocate(seed);
}

Transformer::Linear Transformer::add_linear(const std::string& name, int64_t in, int64_t out,
                                            bool bias, bool residual) {
  const double limit = 1.0 / std::sqrt(static_cast<double>(in));
  const double depth = residual ? std::sqrt(2.0 * static_cast<double>(config_.layers)) : 1.0;
  const bool gpt2 = config_.init.kind == "gpt2";
  Linear layer;
  layer.weight =
      &parameters_.add(name + ".weight", {in, out},
                       gpt2 ? Init::normal(config_.init.std / depth) : Init::uniform(limit));
  if (bias)
    layer.bias =
        &parameters_.add(name + ".bias", {out}, gpt2 ? Init::constant(0) : Init::uniform(limit));
  return layer;
}

Transformer::Norm Transformer::add_norm(const std::string& name) {
  Norm norm;
  norm.gain = &parameters_.add(name + ".gain", {config_.width}, Init::constant(1));
  if (config_.norm.bias)
    norm.bias = &parameters_.add(name + ".bias", {config_.width}, Init::constant(0));
  return norm;
}

Variable Transformer::apply(Tape& tape, const Linear& layer, Variable x,
                            Activation activation) const {
  return linear(tape, x, layer.weight->variable, value_of(layer.bias), activation);
}

Variable Transformer::apply(Tape& tape, const Norm& norm, Variable x) const {
  return layer_norm(tape, x, norm.gain->variable, value_of(norm.bias),
                    static_cast<float>(config_.norm.eps));
}

// The document of each token [B·T], or empty where the mask has no separator.
std::span<const KeyRange> Transformer::documents(Arena& arena, const Input& input) const {
  const int64_t separator = config_.attention.mask->separator();
  if (separator < 0) return {};
  auto* out = arena.array<KeyRange>(input.tokens.size());
  find_documents(input.tokens.data(), input.batch, input.length, separator, out);
  return {out, input.tokens.size()};
}

std::vector<VisibleKeys> Transformer::visible_keys(int64_t layer, const Input& input) const {
  std::vector<VisibleKeys> out;
  Arena arena;
  const std::span<const KeyRange> documents = this->documents(arena, input);
  for (int64_t n = 0; n < input.batch * input.length; ++n) {
    const VisibleKeys keys = mask(layer).visible(n % input.length, input.length);
    out.push_back(documents.empty() ? keys : keys.within(documents[n]));
  }
  return out;
}

Variable Transformer::attend(Tape& tape, int64_t layer, Variable x, const Input& input,
                             std::span<const KeyRange> documents, Capture* capture) const {
  const Block& block = blocks_[layer];
  Variable qkv = apply(tape, block.qkv, x);
  encoding_->rotate(tape, qkv, input.positions);
  show(capture, layer, "attn.qkv", qkv.value);

  AttentionSpec spec;
  spec.batch = input.batch;
  spec.tokens = input.length;
  spec.heads = config_.heads;
  if (config_.attention.scale == "sqrt")
    spec.scale = 1.0f / std::sqrt(static_cast<float>(config_.width / config_.heads));
  spec.mask = block.mask.get();
  spec.normalizer = block.normalizer.get();
  spec.slot_key = block.slot->key();
  spec.slot_value = block.slot->value();
  spec.documents = documents.empty() ? nullptr : documents.data();
  spec.bias = encoding_->bias();
  spec.positions = input.positions.data();
  const Shape maps = {input.batch, config_.heads, input.length, input.length};
  if (capture && capture->wants(layer, "attn.scores")) spec.scores = tape.arena().tensor(maps);
  if (capture && capture->wants(layer, "attn.pattern")) spec.pattern = tape.arena().tensor(maps);
  Variable mix = attention(tape, qkv, spec);
  show(capture, layer, "attn.scores", spec.scores);
  show(capture, layer, "attn.pattern", spec.pattern);
  show(capture, layer, "attn.mix", mix.value);
  return apply(tape, block.out, mix);
}

Variable Transformer::forward(Tape& tape, const Input& given, Capture* capture) const {
  Input input = given;
  if (input.length > config_.context)
    throw Error("model", fmt::format("a sequence of {} tokens does not fit into model.context = {}",
                                     input.length, config_.context));
  if (input.positions.empty()) {
    auto* ids = tape.arena().array<int32_t>(input.length);
    std::iota(ids, ids + input.length, 0);
    input.positions = {ids, static_cast<size_t>(input.length)};
  }
  const Activation activation = config_.mlp.kind == "gelu" ? Activation::gelu : Activation::relu;

  Variable x = embedding(tape, input.tokens, tokens_->variable);
  x = encoding_->embed(tape, x, input.positions);
  show(capture, -1, "embed", x.value);
  const std::span<const KeyRange> documents = this->documents(tape.arena(), input);
  for (int64_t l = 0; l < config_.layers; ++l) {
    const Block& block = blocks_[l];
    Variable a = attend(tape, l, apply(tape, block.norm1, x), input, documents, capture);
    show(capture, l, "attn.out", a.value);
    x = add(tape, x, a);
    Variable hidden = apply(tape, block.up, apply(tape, block.norm2, x), activation);
    Variable m = apply(tape, block.down, hidden);
    show(capture, l, "mlp.out", m.value);
    x = add(tape, x, m);
    show(capture, l, "resid", x.value);
  }
  x = apply(tape, final_, x);
  show(capture, -1, "final.norm", x.value);
  Variable logits = config_.output.tied
                        ? linear_transposed(tape, x, tokens_->variable, value_of(output_.bias))
                        : apply(tape, output_, x);
  show(capture, -1, "logits", logits.value);
  return logits;
}

}  // namespace waiver
