#include <fmt/format.h>

#include <algorithm>

#include "autograd/recompute.h"
#include "model/pass.h"
#include "model/transformer.h"

namespace waiver {
namespace {

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

}  // namespace

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

// x, the residual stream or its embeddings, as the input of a block's attention before any norm.
Variable Transformer::enter_attention(Tape& tape, int64_t layer, Variable x,
                                      const Pass& given) const {
  const Input& input = given.input;
  Variable in = encoding(layer).enter_attention(tape, x, input.positions);
  if (encoding(layer).acts() == Acts::on_attention_input &&
      edits(input, layer, Point::attn_position))
    edit_added(input, layer, Point::attn_position, tape.arena(), x.value, in.value);
  if (!dedicated_ || config_.dedicated.into != Into::attention) return in;
  return add_rows(tape, in, dedicated_->variable, given.dedicated, Later::used);
}

Variable Transformer::attend(Tape& tape, int64_t layer, Variable x, const Pass& given) const {
  const Input& input = given.input;
  Capture* const capture = given.capture;
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
  spec.of_batch = input.share.sequences;
  spec.tokens = input.length;
  spec.heads = config_.heads;
  spec.scale = config_.score_scale();
  spec.precision = config_.precision;
  spec.mask = block.mask.get();
  spec.normalizer = block.normalizer.get();
  spec.slot_key = block.slot->key();
  spec.slot_value = block.slot->value();
  spec.documents = given.documents;
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

// The norm that is applied to the residual stream after a block, unless the stream may be edited
// before, or something be added to it.
const Norm* Transformer::next_norm(const Input& input, int64_t layer) const {
  if (input.intervention) return nullptr;
  for (int64_t l = layer + 1; l < config_.layers; ++l) {
    if (blocks_[l].attention)
      return adds_to_attention(l) ? nullptr : blocks_[l].attention->branch.in();
    if (blocks_[l].perceptron) return blocks_[l].perceptron->branch.in();
  }
  return sinks_ ? nullptr : final_.get();
}

Variable Transformer::attention_part(Tape& tape, int64_t l, const Stream& from,
                                     const Pass& given) const {
  const Input& input = given.input;
  Capture* const capture = given.capture;
  return blocks_[l].attention->branch.apply(
      tape, from, input, [&](Variable x) { return enter_attention(tape, l, x, given); },
      [&](Variable in) {
        Variable a = attend(tape, l, in, given);
        pass(input, capture, l, Point::attn_out, a.value);
        return a;
      },
      [&](const Tensor& added) { show(capture, l, Point::attn_added, added); });
}

Variable Transformer::mlp_part(Tape& tape, int64_t l, const Stream& from, const Pass& given) const {
  const Input& input = given.input;
  Capture* const capture = given.capture;
  return blocks_[l].perceptron->branch.apply(
      tape, from, input, [](Variable x) { return x; },
      [&](Variable in) {
        Variable m = blocks_[l].perceptron->mlp->forward(tape, in);
        pass(input, capture, l, Point::mlp_out, m.value);
        return m;
      },
      [&](const Tensor& added) { show(capture, l, Point::mlp_added, added); });
}

// `next`, where given, is the norm that follows the block.
Stream Transformer::through_block(Tape& tape, int64_t layer, const Stream& stream,
                                  const Pass& given, const Norm* next) const {
  const Block& block = blocks_[layer];
  if (config_.block == BlockKind::parallel && block.attention && block.perceptron) {
    const Variable a = attention_part(tape, layer, stream, given),
                   m = mlp_part(tape, layer, {stream.x}, given);
    const Stream sum = block.attention->branch.join(tape, stream.x, a, nullptr);
    return block.perceptron->branch.join(tape, sum.x, m, next);
  }
  Stream out = stream;
  if (block.attention) {
    const Norm* within = block.perceptron ? block.perceptron->branch.in() : next;
    const Variable a = attention_part(tape, layer, out, given);
    out = block.attention->branch.join(tape, out.x, a, given.input.intervention ? nullptr : within);
  }
  if (block.perceptron)
    out = block.perceptron->branch.join(tape, out.x, mlp_part(tape, layer, out, given), next);
  return out;
}

Stream Transformer::block(Tape& tape, int64_t layer, const Stream& stream,
                          const Pass& given) const {
  if (!tape.recomputes())
    return through_block(tape, layer, stream, given, next_norm(given.input, layer));
  return {recomputed(tape, stream.x, [this, layer, given](Tape& t, Variable x) {
    Pass own = given;
    if (t.recording()) own.capture = nullptr;  // it has seen the block
    return through_block(t, layer, {x}, own, nullptr).x;
  })};
}

}  // namespace waiver
