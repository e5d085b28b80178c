#include "autograd/ops/attention/attention.h"

#include <limits>
#include <tuple>

#include "autograd/ops/attention/tile.h"
#include "autograd/ops/check.h"
#include "core/products/gemm.h"
#include "core/products/rounded.h"
#include "core/scratch.h"
#include "core/threads.h"

namespace waiver {
namespace {

using namespace attention_tile;

void clear_rows(const Head& h, const Tile& t, const Tensor& out) {
  for (int64_t i = t.i0; i < t.i1; ++i) std::fill_n(h.out(out, i), h.D, 0.0f);
}

// The keys of all heads transposed, for many tiles of queries: a product with them as they are lays
// them out anew. Their pitch depends on T alone, as the bits of a share of the batch have to.
class HeadKeys {
 public:
  HeadKeys(Arena& arena, const AttentionSpec& spec, const Tensor& qkv) {
    constexpr int64_t fewest = 1024;  // tokens; fewer do not make up for the memory that it takes
    if (!may_lay_keys(spec) || spec.tokens < fewest) return;
    const int64_t heads = spec.batch * spec.heads, blocks = (spec.tokens + kKeys - 1) / kKeys;
    pitch_ = fast_pitch(spec.tokens);
    of_head_ = qkv.dim(1) / 3 / spec.heads * pitch_;
    laid_ = arena.array<float>(Shape{heads, of_head_}.size());
    parallel_tiles(heads * blocks, [&](int64_t index) {
      const Head h(spec, qkv, {}, index / blocks);
      const int64_t first = index % blocks * kKeys, last = std::min(h.T, first + kKeys);
      lay_keys(h, h.k, first, last, laid_ + h.index * of_head_ + first, pitch_);
    });
  }

  Keys of(const Head& h) const {
    if (!laid_) return h.ks;
    return {operand(laid_ + h.index * of_head_, pitch_), Op::plain};
  }

 private:
  int64_t pitch_ = 0, of_head_ = 0;
  float* laid_ = nullptr;
};

// Copies the visible scores of a block into the rows of the requested maps.
void keep_scores(const Head& h, const Tile& t, const Block& block, const float* s, int64_t pitch) {
  for (const Tensor& maps : {h.spec.scores, h.spec.pattern})
    for (int64_t i = t.i0; maps && i < t.i1; ++i) {
      const KeyRange seen = t.visible(i, block);
      std::copy_n(s + (i - t.i0) * pitch + seen.begin, seen.size(),
                  h.map(maps, i) + block.j0 + seen.begin);
    }
}

// Before a tile, everything is hidden; after it, the pattern's scores become weights.
void clear_maps(const Head& h, const Tile& t) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    if (h.spec.scores)
      std::fill_n(h.map(h.spec.scores, i), h.T, -std::numeric_limits<float>::infinity());
    if (h.spec.pattern) std::fill_n(h.map(h.spec.pattern, i), h.T, 0.0f);
  }
}
void finish_pattern(const Head& h, const Tile& t, const RowState* states) {
  for (int64_t i = t.i0; h.spec.pattern && i < t.i1; ++i)
    for (const KeyRange& seen : t.visible(i).ranges()) {
      float* row = h.map(h.spec.pattern, i) + seen.begin;
      h.spec.normalizer->weigh(states[i - t.i0], row, row, seen.size());
    }
}

void keep_slot(const Head& h, const Tile& t, const RowState* states) {
  for (int64_t i = t.i0; h.spec.slot_pattern && i < t.i1; ++i) {
    float& weight = h.spec.slot_pattern.data[h.index * h.T + i];
    weight = slot_score(h, i);
    h.spec.normalizer->weigh(states[i - t.i0], &weight, &weight, 1);
  }
}

// Turns the scores of a block into weights known up to a factor, `weights` those as inputs of a
// product, and rescales what earlier blocks added to `out`.
void extend_block(const Head& h, const Tile& t, const Block& block, float* s, int64_t pitch,
                  const Rounded& weights, RowState* states, const Tensor& out) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    const KeyRange seen = t.visible(i, block);
    float* row = s + (i - t.i0) * pitch;
    std::fill(row, row + seen.begin, 0.0f);
    std::fill(row + seen.end, row + block.keys(), 0.0f);
    float earlier = 1;
    if (seen.size() > 0)
      earlier = h.spec.normalizer->extend(states[i - t.i0], row + seen.begin, seen.size());
    if (h.spec.dropout > 0) drop(h, i, block.j0 + seen.begin, row + seen.begin, seen.size());
    weights.fill(i - t.i0, i - t.i0 + 1);
    float* o = h.out(out, i);
    if (earlier != 1.0f)
      for (int64_t d = 0; d < h.D; ++d) o[d] *= earlier;
  }
}

// out += weights · v over a block.
void mix_values(const Head& h, const Tile& t, const Block& block, const Rounded& weights,
                const Tensor& out) {
  gemm(Op::plain, Op::plain, t.rows(), h.D, block.keys(), 1.0f, weights.all(), h.vs.at(block.j0, 0),
       1.0f, h.out(out, t.i0), h.C);
}

void extend_by_slot(const Head& h, const Tile& t, RowState* states, const Tensor& out) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    float weight = slot_score(h, i);
    const float earlier = h.spec.normalizer->extend(states[i - t.i0], &weight, 1);
    float* o = h.out(out, i);
    const float* v = h.spec.slot_value.value ? h.spec.slot_value.value.row(h.head) : nullptr;
    for (int64_t d = 0; d < h.D; ++d)
      o[d] = earlier * o[d] + (v ? h.input(weight) * h.input(v[d]) : 0.0f);
  }
}

// A second pass, for normalizers whose weights are known only at the end of the row.
void forward_again(const Head& h, const Tile& t, const RowState* states, const Tensor& out) {
  clear_rows(h, t, out);
  t.for_blocks([&](const Block& block) {
    const int64_t pitch = fast_pitch(block.keys());
    Scratch memory;
    float* s = memory.floats(t.rows() * pitch);
    const Rounded weights(memory, s, t.rows(), block.keys(), pitch, h.spec.precision);
    scores(h, t, block, h.ks, s, pitch);
    const bool dropping = h.spec.dropout > 0;
    weigh(h, t, block, s, s, pitch, states, dropping ? Rounded() : weights);
    if (dropping) {
      drop(h, t, block, s, pitch);
      weights.fill(0, t.rows());
    }
    mix_values(h, t, block, weights, out);
  });
  if (!h.spec.slot_value.value) return;
  for (int64_t i = t.i0; h.spec.slot_key.value && i < t.i1; ++i) {
    float weight = slot_score(h, i);
    h.spec.normalizer->weigh(states[i - t.i0], &weight, &weight, 1);
    const float* v = h.spec.slot_value.value.row(h.head);
    for (int64_t d = 0; d < h.D; ++d) h.out(out, i)[d] += h.input(weight) * h.input(v[d]);
  }
}

void forward_tile(const Head& h, const Tile& t, const Keys& keys, const Tensor& out,
                  RowState* kept) {
  const RowNormalizer& normalizer = *h.spec.normalizer;
  const bool slot = static_cast<bool>(h.spec.slot_key.value);
  RowState states[kMostQueries];
  for (int64_t i = t.i0; i < t.i1; ++i)
    states[i - t.i0] = normalizer.start(h.head, t.visible(i).size() + slot, h.T);
  clear_rows(h, t, out);
  clear_maps(h, t);
  t.for_blocks([&](const Block& block) {
    const int64_t pitch = fast_pitch(block.keys());
    Scratch memory;
    float* s = memory.floats(t.rows() * pitch);
    const Rounded weights = normalizer.two_passes() ? Rounded()
                                                    : Rounded(memory, s, t.rows(), block.keys(),
                                                              pitch, h.spec.precision);
    scores(h, t, block, keys, s, pitch);
    keep_scores(h, t, block, s, pitch);
    extend_block(h, t, block, s, pitch, weights, states, out);
    if (!normalizer.two_passes()) mix_values(h, t, block, weights, out);
  });
  if (slot) extend_by_slot(h, t, states, out);
  if (normalizer.two_passes()) forward_again(h, t, states, out);
  for (int64_t i = t.i0; !normalizer.two_passes() && i < t.i1; ++i) {
    const float scale = normalizer.scale(states[i - t.i0]);
    float* o = h.out(out, i);
    for (int64_t d = 0; d < h.D; ++d) o[d] *= scale;
  }
  finish_pattern(h, t, states);
  if (slot) keep_slot(h, t, states);
  if (kept) std::copy_n(states, t.rows(), kept + h.index * h.T + t.i0);
}

void check_parameters(const Check& check, const AttentionSpec& spec, int64_t D) {
  const int64_t H = spec.heads;
  for (const auto& [name, slot] :
       {std::pair{"slot_key", spec.slot_key}, {"slot_value", spec.slot_value}})
    check.require(!slot.value || slot.shape() == Shape{H, D},
                  "{} {} must hold the {} channels of each of the {} heads", name, slot.shape(), D,
                  H);
  if (const Variable start = spec.normalizer->parameter(); start.value)
    check.vector("the normalizer's parameter", start.shape(), H, "heads");
  if (!spec.bias) return;
  const Variable bias = spec.bias->parameter();
  check.require(!bias.value || (bias.shape().rank == 2 && bias.shape()[0] == H),
                "the bias's parameter {} must have a row for each of the {} heads", bias.shape(),
                H);
}

void check_shapes(const Variable& qkv, const AttentionSpec& spec) {
  const Check check("attention");
  const int64_t B = spec.batch, T = spec.tokens, H = spec.heads;
  check.queries_keys_values(qkv.shape(), H);
  check.contiguous("qkv", qkv.value);
  check.require(qkv.shape()[0] == B * T, "the rows of qkv {} must be {} sequences of {} tokens",
                qkv.shape(), B, T);
  check_parameters(check, spec, qkv.shape()[1] / (3 * H));
  check.require(!spec.bias || std::ssize(spec.positions) == T,
                "the {} positions must match the {} tokens", spec.positions.size(), T);
  check.require(spec.documents.empty() || std::ssize(spec.documents) == B * T,
                "the {} documents must match the {} tokens of {} sequences", spec.documents.size(),
                T, B);
  for (const auto& [name, map, shape] : {std::tuple{"scores", spec.scores, Shape{B, H, T, T}},
                                         {"pattern", spec.pattern, {B, H, T, T}},
                                         {"slot_pattern", spec.slot_pattern, {B, H, T}}})
    check.require(!map || map.shape == shape, "{} {} must have the shape {}", name, map.shape,
                  shape);
}

}  // namespace

Variable attention(Tape& tape, Variable qkv, const AttentionSpec& spec) {
  check_shapes(qkv, spec);
  const Variable out = tape.input(qkv.shape()[0], qkv.shape()[1] / 3);
  RowState* states = nullptr;
  if (tape.recording())
    states = tape.arena().array<RowState>(spec.batch * spec.heads * spec.tokens);
  const Inputs inputs(tape.arena(), qkv.value, spec);
  const Tiles tiles(tape.arena(), spec);
  const int64_t count = tiles.of_sequence();
  {
    const Arena::Scope scope(tape.arena());
    const HeadKeys keys(tape.arena(), spec, qkv.value);
    parallel_tiles(spec.batch * spec.heads * count, [&](int64_t index) {
      const Head h(spec, qkv.value, inputs, index / count);
      const Tile& t = tiles.at(h.batch, index % count);
      forward_tile(h, t, keys.of(h), out.value, states);
      out.rounded.fill(h.batch * h.T + t.i0, h.batch * h.T + t.i1, h.head * h.D,
                       (h.head + 1) * h.D);
    });
  }
  const BatchParts parts = tape.parts(spec.batch * spec.tokens, spec.batch);
  tape.record("attention", out, [=, &tape] {
    attention_tile::backward(tape, parts, qkv, out, spec, inputs, tiles, states);
  });
  return out;
}

}  // namespace waiver
