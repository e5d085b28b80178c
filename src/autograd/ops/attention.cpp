#include "autograd/ops/attention.h"

#include <cstring>
#include <limits>

#include "autograd/ops/attention_tile.h"
#include "core/gemm.h"
#include "core/threads.h"

namespace waiver {
namespace {

using namespace attention_tile;

void clear_rows(const Head& h, const Tile& t, const Tensor& out) {
  for (int64_t i = t.i0; i < t.i1; ++i) std::fill_n(h.out(out, i), h.D, 0.0f);
}

// Copies the visible scores of a block into their rows of the maps that are wanted.
void keep_scores(const Head& h, const Tile& t, const Block& block, const float* s, int64_t pitch) {
  for (const Tensor& maps : {h.spec.scores, h.spec.pattern})
    for (int64_t i = t.i0; maps && i < t.i1; ++i) {
      const KeyRange seen = t.visible(i, block);
      std::copy_n(s + (i - t.i0) * pitch + seen.begin, seen.size(),
                  h.map(maps, i) + block.j0 + seen.begin);
    }
}

// Before a tile: nothing is visible. After it: scores become weights in the pattern.
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

// Scores of a block become weights that are short of a factor; what earlier blocks gave to `out`
// is rescaled.
void extend_block(const Head& h, const Tile& t, const Block& block, float* s, int64_t pitch,
                  RowState* states, const Tensor& out) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    const KeyRange seen = t.visible(i, block);
    float* row = s + (i - t.i0) * pitch;
    std::fill(row, row + seen.begin, 0.0f);
    std::fill(row + seen.end, row + block.keys(), 0.0f);
    if (seen.size() == 0) continue;
    const float earlier =
        h.spec.normalizer->extend(states[i - t.i0], row + seen.begin, seen.size());
    if (h.spec.dropout > 0) drop(h, i, block.j0 + seen.begin, row + seen.begin, seen.size());
    float* o = h.out(out, i);
    if (earlier != 1.0f)
      for (int64_t d = 0; d < h.D; ++d) o[d] *= earlier;
  }
}

// out += weights · v over a block.
void mix_values(const Head& h, const Tile& t, const Block& block, const float* a, int64_t pitch,
                const Tensor& out) {
  gemm(Op::plain, Op::plain, t.rows(), h.D, block.keys(), 1.0f, a, pitch, h.v + block.j0 * h.stride,
       h.stride, 1.0f, h.out(out, t.i0), h.C);
}

void extend_by_slot(const Head& h, const Tile& t, RowState* states, const Tensor& out) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    float weight = slot_score(h, i);
    const float earlier = h.spec.normalizer->extend(states[i - t.i0], &weight, 1);
    float* o = h.out(out, i);
    const float* v = h.spec.slot_value.value ? h.spec.slot_value.value.row(h.head) : nullptr;
    for (int64_t d = 0; d < h.D; ++d) o[d] = earlier * o[d] + (v ? weight * v[d] : 0.0f);
  }
}

// A second pass, for normalizers whose weights are known only when the row has ended.
void forward_again(const Head& h, const Tile& t, const RowState* states, const Tensor& out) {
  clear_rows(h, t, out);
  t.for_blocks([&](const Block& block) {
    const int64_t pitch = fast_pitch(block.keys());
    float* s = scratch(0, t.rows() * pitch);
    scores(h, t, block, s, pitch);
    weigh(h, t, block, s, s, pitch, states);
    if (h.spec.dropout > 0) drop(h, t, block, s, pitch);
    mix_values(h, t, block, s, pitch, out);
  });
  if (!h.spec.slot_value.value) return;
  for (int64_t i = t.i0; h.spec.slot_key.value && i < t.i1; ++i) {
    float weight = slot_score(h, i);
    h.spec.normalizer->weigh(states[i - t.i0], &weight, &weight, 1);
    const float* v = h.spec.slot_value.value.row(h.head);
    for (int64_t d = 0; d < h.D; ++d) h.out(out, i)[d] += weight * v[d];
  }
}

void forward_tile(const Head& h, const Tile& t, const Tensor& out, RowState* kept) {
  const RowNormalizer& normalizer = *h.spec.normalizer;
  const bool slot = static_cast<bool>(h.spec.slot_key.value);
  RowState states[kQueries];
  for (int64_t i = t.i0; i < t.i1; ++i)
    states[i - t.i0] = normalizer.start(h.head, t.visible(i).size() + slot, h.T);
  clear_rows(h, t, out);
  clear_maps(h, t);
  t.for_blocks([&](const Block& block) {
    const int64_t pitch = fast_pitch(block.keys());
    float* s = scratch(0, t.rows() * pitch);
    scores(h, t, block, s, pitch);
    keep_scores(h, t, block, s, pitch);
    extend_block(h, t, block, s, pitch, states, out);
    if (!normalizer.two_passes()) mix_values(h, t, block, s, pitch, out);
  });
  if (slot) extend_by_slot(h, t, states, out);
  if (normalizer.two_passes()) forward_again(h, t, states, out);
  for (int64_t i = t.i0; !normalizer.two_passes() && i < t.i1; ++i) {
    const float scale = normalizer.scale(states[i - t.i0]);
    for (int64_t d = 0; d < h.D; ++d) h.out(out, i)[d] *= scale;
  }
  finish_pattern(h, t, states);
  if (slot) keep_slot(h, t, states);
  if (kept) std::copy_n(states, t.rows(), kept + h.index * h.T + t.i0);
}

}  // namespace

/// How gradients go back through attention (attention_backward.cpp).
void record_attention(Tape& tape, Variable qkv, Variable out, const AttentionSpec& spec,
                      const RowState* states);

Variable attention(Tape& tape, Variable qkv, const AttentionSpec& spec) {
  const int64_t tiles = (spec.tokens + kQueries - 1) / kQueries;
  Variable out = tape.variable({qkv.shape()[0], qkv.shape()[1] / 3});
  RowState* states = nullptr;
  if (tape.recording())
    states = tape.arena().array<RowState>(spec.batch * spec.heads * spec.tokens);
  parallel_tiles(spec.batch * spec.heads * tiles, [&](int64_t index) {
    const Head h(spec, qkv.value, index / tiles);
    forward_tile(h, Tile(h, index % tiles), out.value, states);
  });
  if (tape.recording()) record_attention(tape, qkv, out, spec, states);
  return out;
}

}  // namespace waiver
