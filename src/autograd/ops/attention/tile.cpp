#include "autograd/ops/attention/tile.h"

#include <new>

#include "core/threads.h"
#include "core/transpose.h"

namespace waiver::attention_tile {

Tiles::Tiles(Arena& arena, const AttentionSpec& spec)
    : count_((spec.tokens + queries_of_tile(spec) - 1) / queries_of_tile(spec)),
      stride_(spec.documents.empty() ? 0 : count_) {
  const int64_t all = stride_ > 0 ? spec.batch * count_ : count_;
  all_ = arena.array<Tile>(all);
  parallel_ranges(all, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) new (all_ + i) Tile(spec, i / count_, i % count_);
  });
}

Keys lay_keys(const Head& h, const float* numbers, int64_t first, int64_t last, float* to,
              int64_t pitch) {
  transpose(numbers + first * h.stride, h.stride, last - first, h.D, to, pitch);
  return {operand(to, pitch), Op::plain, first};
}

void scores(const Head& h, const Tile& t, const Block& block, const Keys& keys, float* s,
            int64_t pitch) {
  gemm(Op::plain, keys.op, t.rows(), block.keys(), h.D, h.spec.scale, h.qs.at(t.i0, 0),
       keys.from(block.j0), 0.0f, s, pitch);
  if (!h.spec.bias) return;
  const int32_t* positions = h.spec.positions.data();
  for (int64_t i = t.i0; i < t.i1; ++i) {
    const KeyRange seen = t.visible(i, block);
    h.spec.bias->add(h.head, positions[i], positions + block.j0 + seen.begin,
                     s + (i - t.i0) * pitch + seen.begin, seen.size());
  }
}

void drop(const Head& h, int64_t i, int64_t j0, float* weights, int64_t n) {
  const auto limit = static_cast<uint32_t>(h.spec.dropout * 4294967296.0);
  const auto grown = static_cast<float>(1.0 / (1.0 - h.spec.dropout));
  const int64_t groups = (h.T + 3) / 4, row = h.spec.first_sequence * h.spec.heads + h.index;
  uint32_t words[kKeys];
  h.spec.noise.words((row * h.T + i) * groups * 4 + j0, {words, static_cast<size_t>(n)});
#pragma omp simd
  for (int64_t j = 0; j < n; ++j) weights[j] *= words[j] < limit ? 0.0f : grown;
}

void drop(const Head& h, const Tile& t, const Block& block, float* a, int64_t pitch) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    const KeyRange seen = t.visible(i, block);
    drop(h, i, block.j0 + seen.begin, a + (i - t.i0) * pitch + seen.begin, seen.size());
  }
}

void weigh(const Head& h, const Tile& t, const Block& block, const float* s, float* a,
           int64_t pitch, const RowState* states, const Rounded& rounded) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    const KeyRange seen = t.visible(i, block);
    float* row = a + (i - t.i0) * pitch;
    h.spec.normalizer->weigh(states[i - t.i0], s + (i - t.i0) * pitch + seen.begin,
                             row + seen.begin, seen.size());
    std::fill(row, row + seen.begin, 0.0f);
    std::fill(row + seen.end, row + block.keys(), 0.0f);
    rounded.fill(i - t.i0, i - t.i0 + 1);
  }
}

float Head::product(const float* x, const float* y) const {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t d = 0; d < D; ++d) sum += input(x[d]) * input(y[d]);
  return sum;
}

float slot_score(const Head& h, int64_t i) {
  return h.spec.scale * h.product(h.q + i * h.stride, h.spec.slot_key.value.row(h.head));
}

}  // namespace waiver::attention_tile
