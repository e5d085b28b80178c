#include "model/transformer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/rehearsal.h"
#include "core/threads.h"
#include "model/pass.h"

namespace waiver {
namespace {

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

OutputLayer Transformer::output_layer() const {
  if (config_.output.tied) return {tokens_->variable, value_of(output_.bias), false};
  return {output_.weight->variable, value_of(output_.bias), true};
}

Variable Transformer::logits(Tape& tape, Variable x) const {
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

// What the output layer is given or, without one, the model's output.
Variable Transformer::before_output(Tape& tape, const Input& given, Capture* capture) const {
  Input input = given;
  tape.set_precision(config_.precision);
  tape.set_sequences(input.batch, input.share);
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
  Pass own{input, documents(tape.arena(), input, config_.sink_tokens), {}, capture};
  if (sinks_) {
    x = prepend(tape, x, sinks_->variable, input.batch);
    own.input = with_sinks(tape, input, config_.sink_tokens);
  }
  if (dedicated_ && config_.dedicated.into == Into::attention)
    own.dedicated = dedicated_rows(tape.arena(), given, config_.sink_tokens);
  Stream stream{x};
  for (int64_t l = 0; l < config_.layers; ++l) {
    stream = block(tape, l, stream, own);
    if (l == 0 && has_effective_encoding(config_))
      edit_effective(own.input, tape.arena(), stream.x.value);
    pass(input, capture, l, Point::resid, stream.x.value);
  }
  x = stream.x;
  if (sinks_) x = without_first(tape, x, config_.sink_tokens, input.batch);
  if (final_) x = stream.normed.value ? stream.normed : final_->apply(tape, x);
  pass(input, capture, -1, Point::final_norm, x.value);
  if (!transform_norm_) return x;
  return transform_norm_->apply(
      tape, activate(tape, apply(tape, transform_, x), activation_of(config_.output.transform)));
}

Variable Transformer::forward(Tape& tape, const Input& input, Capture* capture) const {
  Variable x = before_output(tape, input, capture);
  if (config_.gives_logits()) x = logits(tape, x);
  pass(input, capture, -1, Point::logits, x.value);
  return x;
}

int64_t Transformer::numbers_of_logits(const Tape& tape, int64_t rows) const {
  const OutputLayer layer = output_layer();
  if (!many_logits(rows, layer)) return 2 * rows * vocabulary_;
  return loss_comes_in_parts(tape, rows, layer) ? 0 : rows * vocabulary_;
}

Variable Transformer::loss(Tape& tape, const Input& input, std::span<const int32_t> targets,
                           ShareOfLoss* share) const {
  const Variable x = before_output(tape, input, nullptr);
  if (many_logits(x.shape()[0], output_layer()))
    return output_loss(tape, x, output_layer(), targets, share);
  return cross_entropy(tape, logits(tape, x), targets, share);
}

void Transformer::for_logits(Tape& tape, const Input& input,
                             const std::function<void(int64_t, const Tensor&)>& f) const {
  if (edits(input, -1, Point::logits)) return f(0, forward(tape, input).value);
  const Variable x = before_output(tape, input, nullptr);
  if (many_logits(x.shape()[0], output_layer()))
    return waiver::for_logits(tape, x, output_layer(), f);
  f(0, logits(tape, x).value);
}

}  // namespace waiver
