#include "model/transformer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "model/intervention.h"

namespace waiver {
namespace {

void show(Capture* capture, int64_t layer, std::string_view point, const Tensor& t) {
  if (capture && capture->wants(layer, point)) capture->take(layer, point, t);
}

bool edits(const Input& input, int64_t layer, std::string_view point) {
  return input.intervention && input.intervention->edits(layer, point);
}

// Has a point changed where that is asked for, then shows it.
void pass(const Input& input, Capture* capture, int64_t layer, std::string_view point,
          const Tensor& t) {
  if (edits(input, layer, point)) input.intervention->edit(layer, point, t);
  show(capture, layer, point, t);
}

// The queries, keys and values within qkv, one by one.
void edit_qkv(const Input& input, int64_t layer, const Tensor& qkv) {
  const int64_t C = qkv.dim(1) / 3;
  int64_t at = 0;
  for (const char* point : {"attn.q", "attn.k", "attn.v"}) {
    if (edits(input, layer, point))
      input.intervention->edit(layer, point, {qkv.data + at, {qkv.dim(0), C}, qkv.stride()});
    at += C;
  }
}

// Has what an encoding added to the embeddings changed; rows that stay keep their bits.
void edit_position(const Input& input, Arena& arena, const Tensor& plain, const Tensor& encoded) {
  if (!edits(input, -1, "embed.position")) return;
  const Tensor added = arena.tensor(plain.shape), before = arena.tensor(plain.shape);
  for (int64_t i = 0; i < plain.size(); ++i)
    before.data[i] = added.data[i] = encoded.data[i] - plain.data[i];
  input.intervention->edit(-1, "embed.position", added);
  for (int64_t i = 0; i < plain.size(); ++i)
    if (added.data[i] != before.data[i]) encoded.data[i] = plain.data[i] + added.data[i];
}

}  // namespace

Transformer::Transformer(const ModelConfig& config, int64_t vocabulary, uint64_t seed)
    : config_(config),
      vocabulary_(vocabulary),
      embedding_dropout_("embed", config.dropout.embedding) {
  const int64_t C = config_.width;
  tokens_ = &parameters_.add("embed.token.weight", {vocabulary, C},
                             Init::normal(config_.init.embedding_std()));
  Builder builder(parameters_, config_.init, config_.layers);
  add_encodings();
  for (int64_t l = 0; l < config_.layers; ++l) blocks_.emplace_back(builder, config_, l);
  if (config_.norm.place != "post") final_ = build_norm(builder, config_, "final.norm");
  if (!config_.output.tied)
    output_ = builder.linear("output", C, vocabulary, config_.output.bias);
  else if (config_.output.bias)
    output_.bias = &parameters_.add("output.bias", {vocabulary}, Init::constant(0));
  parameters_.allocate(seed);
}

void Transformer::add_encodings() {
  const size_t count = config_.position.count();
  for (size_t l = 0; l < std::max<size_t>(count, 1); ++l) {
    EncodingSizes sizes = config_.encoding_sizes();
    if (count > 0) sizes.name = fmt::format("blocks.{}.attn.position", l);
    encodings_.push_back(config_.position.of_layer(l).make());
    encodings_.back()->build(parameters_, sizes);
  }
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
  const Block::Attention& block = *blocks_[layer].attention;
  if (capture && capture->wants(layer, "attn.in")) capture->take_variable(layer, "attn.in", x);
  Variable qkv = apply(tape, block.qkv, x);
  block.qk_norm->apply(tape, qkv);
  encoding(layer).rotate(tape, qkv, input.positions);
  edit_qkv(input, layer, qkv.value);
  show(capture, layer, "attn.qkv", qkv.value);

  AttentionSpec spec;
  spec.batch = input.batch;
  spec.tokens = input.length;
  spec.heads = config_.heads;
  spec.scale = config_.score_scale();
  spec.mask = block.mask.get();
  spec.normalizer = block.normalizer.get();
  spec.slot_key = block.slot->key();
  spec.slot_value = block.slot->value();
  spec.documents = documents.empty() ? nullptr : documents.data();
  if (const double rate = config_.dropout.attention; input.noise && rate > 0) {
    spec.dropout = static_cast<float>(rate);
    spec.noise = Random(input.noise->seed, fmt::format("dropout blocks.{}.attn.pattern", layer),
                        static_cast<uint64_t>(input.noise->step));
    spec.first_sequence = input.noise->first_sequence;
  }
  spec.bias = encoding(layer).bias();
  spec.positions = input.positions.data();
  const Shape maps = {input.batch, config_.heads, input.length, input.length};
  const bool edited = edits(input, layer, "attn.scores") || edits(input, layer, "attn.pattern");
  const auto wanted = [&](std::string_view point) {
    return edited || (capture && capture->wants(layer, point));
  };
  if (wanted("attn.scores")) spec.scores = tape.arena().tensor(maps);
  if (wanted("attn.pattern")) spec.pattern = tape.arena().tensor(maps);
  Variable mix = attention(tape, qkv, spec);
  if (edited) edit_attention(*input.intervention, layer, spec, qkv.value, mix.value);
  show(capture, layer, "attn.scores", spec.scores);
  show(capture, layer, "attn.pattern", spec.pattern);
  pass(input, capture, layer, "attn.mix", mix.value);
  return apply(tape, block.out, block.gate->apply(tape, mix, x, qkv));
}

Variable Transformer::forward(Tape& tape, const Input& given, Capture* capture) const {
  Input input = given;
  if (input.length > config_.context)
    throw Error("model", fmt::format("a sequence of {} tokens does not fit into model.context = {}",
                                     input.length, config_.context));
  if (input.intervention && tape.recording())
    throw Error("model", "an intervention changes values in place, but this pass is recorded",
                "Use a tape that does not record.");
  if (input.positions.empty()) {
    auto* ids = tape.arena().array<int32_t>(input.length);
    std::iota(ids, ids + input.length, 0);
    input.positions = {ids, static_cast<size_t>(input.length)};
  }

  Variable x = embedding(tape, input.tokens, tokens_->variable);
  const Tensor plain = x.value;
  x = encoding(0).embed(tape, x, input.positions);
  edit_position(input, tape.arena(), plain, x.value);
  pass(input, capture, -1, "embed", x.value);
  x = embedding_dropout_.apply(tape, x, input.noise, input.batch);
  const std::span<const KeyRange> documents = this->documents(tape.arena(), input);
  for (int64_t l = 0; l < config_.layers; ++l) {
    const Block& block = blocks_[l];
    if (block.attention)
      x = block.attention->branch.join(tape, x, input, [&](Variable in) {
        Variable a = attend(tape, l, in, input, documents, capture);
        pass(input, capture, l, "attn.out", a.value);
        return a;
      });
    if (block.perceptron)
      x = block.perceptron->branch.join(tape, x, input, [&](Variable in) {
        Variable m = block.perceptron->mlp->forward(tape, in);
        pass(input, capture, l, "mlp.out", m.value);
        return m;
      });
    pass(input, capture, l, "resid", x.value);
  }
  if (final_) x = final_->apply(tape, x);
  pass(input, capture, -1, "final.norm", x.value);
  Variable logits = config_.output.tied
                        ? linear_transposed(tape, x, tokens_->variable, value_of(output_.bias))
                        : apply(tape, output_, x);
  pass(input, capture, -1, "logits", logits.value);
  return logits;
}

}  // namespace waiver
