#include "model/transformer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/rehearsal.h"
#include "core/threads.h"
#include "model/intervention.h"

namespace waiver {
namespace {

void show(Capture* capture, int64_t layer, Point point, const Tensor& t) {
  if (capture && capture->wants(layer, point)) capture->take(layer, point, t);
}

bool edits(const Input& input, int64_t layer, Point point) {
  return input.intervention && input.intervention->edits(layer, point);
}

// Lets an intervention edit a point where it asks to, then shows the point.
void pass(const Input& input, Capture* capture, int64_t layer, Point point, const Tensor& t) {
  if (edits(input, layer, point)) input.intervention->edit(layer, point, t);
  show(capture, layer, point, t);
}

// The queries, keys and values within qkv, one by one.
void edit_qkv(const Input& input, int64_t layer, const Tensor& qkv) {
  const int64_t C = qkv.dim(1) / 3;
  int64_t at = 0;
  for (const Point point : {Point::attn_q, Point::attn_k, Point::attn_v}) {
    if (edits(input, layer, point))
      input.intervention->edit(layer, point, {qkv.data + at, {qkv.dim(0), C}, qkv.stride()});
    at += C;
  }
}

// Lets an intervention edit what the encoding added; unchanged rows keep their bits.
void edit_added(const Input& input, int64_t layer, Point point, Arena& arena, const Tensor& plain,
                const Tensor& encoded) {
  if (!edits(input, layer, point)) return;
  const Tensor added = arena.tensor(plain.shape), before = arena.tensor(plain.shape);
  for (int64_t i = 0; i < plain.size(); ++i)
    before.data[i] = added.data[i] = encoded.data[i] - plain.data[i];
  input.intervention->edit(layer, point, added);
  for (int64_t i = 0; i < plain.size(); ++i)
    if (added.data[i] != before.data[i]) encoded.data[i] = plain.data[i] + added.data[i];
}

// Lets an intervention edit the effective encodings within the stream x [B·S, C] after the first
// block; sink tokens, whose positions are below 0, have none.
void edit_effective(const Input& input, Arena& arena, const Tensor& x) {
  if (!edits(input, 0, Point::effective)) return;
  if (input.effective.empty())
    throw Error("model", "effective encodings are edited, but the input does not give them");
  const int64_t C = x.dim(1), S = input.length;
  const Tensor added = arena.tensor(x.shape);
  for (int64_t n = 0; n < x.dim(0); ++n)
    if (const int32_t position = input.positions[n % S]; position < 0)
      std::fill_n(added.row(n), C, 0.0f);
    else
      std::copy_n(&input.effective[position * C], C, added.row(n));
  const std::vector<float> before(added.data, added.data + added.size());
  input.intervention->edit(0, Point::effective, added);
  for (int64_t i = 0; i < x.size(); ++i)
    if (added.data[i] != before[i]) x.data[i] += added.data[i] - before[i];
}

Activation activation_of(OutputTransform transform) {
  switch (transform) {
    case OutputTransform::relu:
      return Activation::relu;
    case OutputTransform::gelu:
      return Activation::gelu;
    case OutputTransform::gelu_tanh:
      return Activation::gelu_tanh;
    case OutputTransform::none:
      break;
  }
  return Activation::none;
}

// A tensor as a Variable whose gradient nobody needs.
Variable features_of(Tape& tape, const Input& input, int64_t C) {
  Variable x = tape.variable({input.batch * input.length, C});
  if (!rehearsing() && std::ssize(input.features) != x.value.size())
    throw Error("model", fmt::format("{} numbers are not the features of {} tokens of width {}",
                                     input.features.size(), input.batch * input.length, C));
  std::copy(input.features.begin(), input.features.end(), x.value.data);
  return x;
}

// The positions of an input and of `sinks` prepended tokens, which lie right before position 0.
Input with_sinks(Tape& tape, Input input, int64_t sinks) {
  const auto length = static_cast<size_t>(sinks + input.length);
  auto* ids = tape.arena().array<int32_t>(static_cast<int64_t>(length));
  std::iota(ids, ids + sinks, static_cast<int32_t>(-sinks));
  std::ranges::copy(input.positions, ids + sinks);
  input.length += sinks;
  input.positions = {ids, length};
  return input;
}

}  // namespace

Transformer::Transformer(const ModelConfig& config, int64_t vocabulary, uint64_t seed)
    : config_(config),
      vocabulary_(vocabulary),
      embedding_dropout_("embed", config.dropout.embedding) {
  const int64_t C = config_.width;
  const Init embedded = Init::normal(config_.init.embedding_std());
  if (!config_.takes_features())
    tokens_ = &parameters_.add("embed.token.weight", {vocabulary, C}, embedded);
  if (config_.sink_tokens > 0)
    sinks_ = &parameters_.add("embed.sink.weight", {config_.sink_tokens, C}, embedded);
  if (config_.dedicated.count > 0)
    dedicated_ = &parameters_.add("embed.dedicated.weight", {config_.dedicated.count, C},
                                  Init::normal(config_.dedicated.std));
  if (config_.token_types.count > 0)
    types_ = &parameters_.add("embed.token_type.weight", {config_.token_types.count, C}, embedded);
  Builder builder(parameters_, config_.init, config_.layers);
  add_encodings();
  if (config_.norm.embedding) embedding_norm_ = build_norm(builder, config_, "embed.norm");
  for (int64_t l = 0; l < config_.layers; ++l) blocks_.emplace_back(builder, config_, l);
  if (config_.norm.place != NormPlace::post && config_.norm.final)
    final_ = build_norm(builder, config_, "final.norm");
  if (config_.gives_logits()) build_output(builder);
  parameters_.allocate(
      seed, config_.init.kind == InitKind::torch ? DrawOrder::in_order : DrawOrder::by_name);
}

void Transformer::build_output(Builder& builder) {
  const int64_t C = config_.width;
  if (config_.output.transform != OutputTransform::none) {
    transform_ = builder.linear("output.transform", C, C, true);
    transform_norm_ = build_norm(builder, config_, "output.norm");
  }
  if (!config_.output.tied)
    output_ = builder.linear("output", C, vocabulary_, config_.output.bias);
  else if (config_.output.bias)
    output_.bias = &parameters_.add("output.bias", {vocabulary_}, Init::constant(0));
}

Variable Transformer::logits(Tape& tape, Variable x) const {
  if (transform_norm_)
    x = transform_norm_->apply(
        tape, activate(tape, apply(tape, transform_, x), activation_of(config_.output.transform)));
  return config_.output.tied ? linear_transposed(tape, x, tokens_->variable, value_of(output_.bias))
                             : apply(tape, output_, x);
}

void Transformer::add_encodings() {
  const size_t count = config_.position.count();
  for (size_t l = 0; l < std::max<size_t>(count, 1); ++l) {
    encodings_.push_back(config_.position.of_layer(l).make());
    EncodingSizes sizes = config_.encoding_sizes(encodings_.back()->acts());
    if (count > 0) sizes.name = fmt::format("blocks.{}.attn.position", l);
    encodings_.back()->build(parameters_, sizes);
  }
}

// The document of each token, with the sink tokens prepended [B·(sinks + T)], or empty where the
// mask has neither separator nor padding.
std::span<const KeyRange> Transformer::documents(Arena& arena, const Input& input,
                                                 int64_t sinks) const {
  const Mask& mask = *config_.attention.mask;
  if (mask.separator() < 0 && mask.padding() < 0) return {};
  const int64_t count = input.batch * (sinks + input.length);
  auto* out = arena.array<KeyRange>(count);
  const auto& tokens = input.whole.empty() ? input.tokens : input.whole;
  find_documents(tokens.data(), input.batch, input.length, mask, sinks, out);
  return {out, static_cast<size_t>(count)};
}

std::vector<VisibleKeys> Transformer::visible_keys(int64_t layer, const Input& input) const {
  std::vector<VisibleKeys> out;
  Arena arena;
  const std::span<const KeyRange> documents = this->documents(arena, input, 0);
  for (int64_t n = 0; n < input.batch * input.length; ++n) {
    const VisibleKeys keys = mask(layer).visible_tokens(n % input.length, input.length);
    out.push_back(documents.empty() ? keys : keys.within(documents[n]));
  }
  return out;
}

// The row of embed.dedicated that stands in for each token's features, with the sink tokens
// prepended [B·(sinks + T)]; −1: none.
std::span<const int32_t> Transformer::dedicated_rows(Arena& arena, const Input& input,
                                                     int64_t sinks) const {
  const int64_t T = input.length, S = sinks + T, count = input.batch * S;
  const auto first = static_cast<int32_t>(vocabulary_ - config_.dedicated.count);
  auto* rows = arena.array<int32_t>(count);
  parallel_ranges(count, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t t = n % S - sinks;
      rows[n] = t < 0 ? -1 : std::max<int32_t>(-1, input.tokens[n / S * T + t] - first);
    }
  });
  return {rows, static_cast<size_t>(count)};
}

// The type of each token [B·T]: as given, or how many separators stand before it in its sequence.
std::span<const int32_t> Transformer::token_types(Arena& arena, const Input& input) const {
  if (!input.types.empty()) return input.types;
  const int64_t T = input.length, count = input.batch * T;
  const auto last = static_cast<int32_t>(config_.token_types.count - 1);
  const std::span<const int32_t> tokens = input.whole.empty() ? input.tokens : input.whole;
  auto* types = arena.array<int32_t>(count);
  parallel_tiles(input.batch, [&](int64_t b) {
    int32_t type = 0;
    for (int64_t n = b * T; n < (b + 1) * T; ++n) {
      types[n] = std::min(type, last);
      if (tokens[n] == config_.token_types.separator) ++type;
    }
  });
  return {types, static_cast<size_t>(count)};
}

// Embeddings with all that is added to them [B·T, C], before any sink tokens.
Variable Transformer::embed(Tape& tape, const Input& input, Capture* capture) const {
  Variable x = tokens_ ? embedding(tape, input.tokens, tokens_->variable)
                       : features_of(tape, input, config_.width);
  const Tensor plain = x.value;
  x = encoding(0).embed(tape, x, input.positions);
  if (encoding(0).acts() == Acts::on_embeddings)
    edit_added(input, -1, Point::embed_position, tape.arena(), plain, x.value);
  if (types_) x = add_rows(tape, x, types_->variable, token_types(tape.arena(), input));
  if (dedicated_ && config_.dedicated.into == Into::embeddings)
    x = add_rows(tape, x, dedicated_->variable, dedicated_rows(tape.arena(), input, 0));
  if (embedding_norm_) x = embedding_norm_->apply(tape, x);
  pass(input, capture, -1, Point::embed, x.value);
  return embedding_dropout_.apply(tape, x, input.noise, input.batch);
}

// x, the residual stream or its embeddings, as the input of a block's attention before any norm.
Variable Transformer::enter_attention(Tape& tape, int64_t layer, Variable x, const Input& input,
                                      std::span<const int32_t> dedicated) const {
  Variable in = encoding(layer).enter_attention(tape, x, input.positions);
  if (encoding(layer).acts() == Acts::on_attention_input &&
      edits(input, layer, Point::attn_position))
    edit_added(input, layer, Point::attn_position, tape.arena(), x.value, in.value);
  if (!dedicated_ || config_.dedicated.into != Into::attention) return in;
  return add_rows(tape, in, dedicated_->variable, dedicated, Later::used);
}

Variable Transformer::attend(Tape& tape, int64_t layer, Variable x, const Input& input,
                             std::span<const KeyRange> documents, Capture* capture) const {
  const Block::Attention& block = *blocks_[layer].attention;
  if (capture && capture->wants(layer, Point::attn_in))
    capture->take_variable(layer, Point::attn_in, x);
  Variable qkv = apply(tape, block.qkv, x);
  if (config_.key_heads() != config_.heads)
    qkv = repeat_heads(tape, qkv, config_.heads, config_.key_heads());
  block.qk_norm->apply(tape, qkv);
  encoding(layer).rotate(tape, qkv, input.positions);
  edit_qkv(input, layer, qkv.value);
  show(capture, layer, Point::attn_qkv, qkv.value);

  AttentionSpec spec;
  spec.batch = input.batch;
  spec.tokens = input.length;
  spec.heads = config_.heads;
  spec.scale = config_.score_scale();
  spec.precision = config_.precision;
  spec.mask = block.mask.get();
  spec.normalizer = block.normalizer.get();
  spec.slot_key = block.slot->key();
  spec.slot_value = block.slot->value();
  spec.documents = documents;
  if (const double rate = config_.dropout.attention; input.noise && rate > 0) {
    spec.dropout = rate;
    spec.noise = Random(input.noise->seed, fmt::format("dropout blocks.{}.attn.pattern", layer),
                        static_cast<uint64_t>(input.noise->step));
    spec.first_sequence = input.noise->first_sequence;
  }
  spec.bias = encoding(layer).bias();
  spec.positions = input.positions;
  const Shape maps = {input.batch, config_.heads, input.length, input.length};
  const bool edited =
      edits(input, layer, Point::attn_scores) || edits(input, layer, Point::attn_pattern);
  const auto wanted = [&](Point point) {
    return edited || (capture && capture->wants(layer, point));
  };
  if (wanted(Point::attn_scores)) spec.scores = tape.arena().tensor(maps);
  if (wanted(Point::attn_pattern)) spec.pattern = tape.arena().tensor(maps);
  if (block.slot->key().value && capture && capture->wants(layer, Point::attn_slot))
    spec.slot_pattern = tape.arena().tensor({input.batch, config_.heads, input.length});
  Variable mix = attention(tape, qkv, spec);
  if (edited) edit_attention(*input.intervention, layer, spec, qkv.value, mix.value);
  show(capture, layer, Point::attn_scores, spec.scores);
  show(capture, layer, Point::attn_pattern, spec.pattern);
  if (spec.slot_pattern) capture->take(layer, Point::attn_slot, spec.slot_pattern);
  pass(input, capture, layer, Point::attn_mix, mix.value);
  return apply(tape, block.out, block.gate->apply(tape, mix, x, qkv));
}

// Whether the input of a block's attention is more than the residual stream.
bool Transformer::adds_to_attention(int64_t layer) const {
  return encoding(layer).acts() == Acts::on_attention_input ||
         (dedicated_ && config_.dedicated.into == Into::attention);
}

// The norm that is applied to the residual stream after attention or the MLP of a layer, unless the
// stream may be edited before, or something be added to it.
const Norm* Transformer::next_norm(const Input& input, int64_t layer, bool after_attention) const {
  if (input.intervention) return nullptr;
  if (after_attention && blocks_[layer].perceptron) return blocks_[layer].perceptron->branch.in();
  for (int64_t l = layer + 1; l < config_.layers; ++l) {
    if (blocks_[l].attention)
      return adds_to_attention(l) ? nullptr : blocks_[l].attention->branch.in();
    if (blocks_[l].perceptron) return blocks_[l].perceptron->branch.in();
  }
  return sinks_ ? nullptr : final_.get();
}

// The stream after a block, whose branches take the stream that they are given.
template <class A, class M>
Stream Transformer::through_block(Tape& tape, int64_t layer, const Stream& stream,
                                  const Input& input, const A& attention,
                                  const M& perceptron) const {
  const Block& block = blocks_[layer];
  if (config_.block == BlockKind::parallel && block.attention && block.perceptron) {
    const Variable a = attention(stream), m = perceptron({stream.x});
    const Stream sum = block.attention->branch.join(tape, stream.x, a, nullptr);
    return block.perceptron->branch.join(tape, sum.x, m, next_norm(input, layer, false));
  }
  Stream out = stream;
  if (block.attention)
    out = block.attention->branch.join(tape, out.x, attention(out), next_norm(input, layer, true));
  if (block.perceptron)
    out =
        block.perceptron->branch.join(tape, out.x, perceptron(out), next_norm(input, layer, false));
  return out;
}

Variable Transformer::forward(Tape& tape, const Input& given, Capture* capture) const {
  Input input = given;
  tape.set_precision(config_.precision);
  tape.set_sequences(input.batch);
  if (input.intervention) tape.let_edit();
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

  Variable x = embed(tape, input, capture);
  std::span<const int32_t> dedicated;
  const std::span<const KeyRange> documents =
      this->documents(tape.arena(), input, config_.sink_tokens);
  if (sinks_) {
    x = prepend(tape, x, sinks_->variable, input.batch);
    input = with_sinks(tape, input, config_.sink_tokens);
  }
  if (dedicated_ && config_.dedicated.into == Into::attention)
    dedicated = dedicated_rows(tape.arena(), given, config_.sink_tokens);
  Stream stream{x};
  for (int64_t l = 0; l < config_.layers; ++l) {
    const auto attention = [&](const Stream& from) {
      return blocks_[l].attention->branch.apply(
          tape, from, input,
          [&](Variable x) { return enter_attention(tape, l, x, input, dedicated); },
          [&](Variable in) {
            Variable a = attend(tape, l, in, input, documents, capture);
            pass(input, capture, l, Point::attn_out, a.value);
            return a;
          },
          [&](const Tensor& added) { show(capture, l, Point::attn_added, added); });
    };
    const auto perceptron = [&](const Stream& from) {
      return blocks_[l].perceptron->branch.apply(
          tape, from, input, [](Variable x) { return x; },
          [&](Variable in) {
            Variable m = blocks_[l].perceptron->mlp->forward(tape, in);
            pass(input, capture, l, Point::mlp_out, m.value);
            return m;
          },
          [&](const Tensor& added) { show(capture, l, Point::mlp_added, added); });
    };
    stream = through_block(tape, l, stream, input, attention, perceptron);
    if (l == 0 && has_effective_encoding(config_))
      edit_effective(input, tape.arena(), stream.x.value);
    pass(input, capture, l, Point::resid, stream.x.value);
  }
  x = stream.x;
  if (sinks_) x = without_first(tape, x, config_.sink_tokens, input.batch);
  if (final_) x = stream.normed.value ? stream.normed : final_->apply(tape, x);
  pass(input, capture, -1, Point::final_norm, x.value);
  if (config_.gives_logits()) x = logits(tape, x);
  pass(input, capture, -1, Point::logits, x.value);
  return x;
}

}  // namespace waiver
