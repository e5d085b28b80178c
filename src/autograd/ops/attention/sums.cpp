#include "autograd/ops/attention/sums.h"

namespace waiver::attention_tile {
namespace {

Tensor sums_for(Arena& arena, int64_t rows, int64_t heads, const Variable& of_heads) {
  if (!of_heads.wants_grad()) return {};
  return arena.zeros({rows, of_heads.value.size() / heads});
}

Tensor sums_for(Arena& arena, int64_t rows, const std::vector<Variable>& shared) {
  int64_t numbers = 0;
  bool wanted = false;
  for (const Variable& v : shared) {
    numbers += v.value.size();
    wanted |= v.wants_grad();
  }
  return wanted ? arena.zeros({rows, numbers}) : Tensor{};
}

std::vector<Variable> shared_of(const AttentionSpec& spec) {
  return spec.bias ? spec.bias->shared() : std::vector<Variable>{};
}
Variable own_of(const AttentionSpec& spec) {
  return spec.bias ? spec.bias->parameter() : Variable{};
}

// The sum of `count` rows of every sequence, from its `first`-th on, which is left in one of them.
const float* add_rows(const Tensor& sums, int64_t of_sequence, int64_t first, int64_t count,
                      const BatchParts& parts) {
  const auto row = [&](int64_t sequence, int64_t i) {
    return sums.row(sequence * of_sequence + first + i);
  };
  const auto add = [&](float* to, const float* from) {
    for (int64_t r = 0; to != from && r < sums.dim(1); ++r) to[r] += from[r];
  };
  for (int64_t p = 0; p < parts.count(); ++p)
    for (int64_t s = parts.sequence(p); s < parts.sequence(p + 1); ++s)
      for (int64_t i = 0; i < count; ++i) add(row(parts.sequence(p), 0), row(s, i));
  parts.tree(
      [&](int64_t p, int64_t q) { add(row(parts.sequence(p), 0), row(parts.sequence(q), 0)); });
  return row(0, 0);
}

// To the gradient [H, R] of parameters that each head has for itself.
void add_heads(const Tape& tape, const Tensor& sums, int64_t heads, int64_t pieces,
               const BatchParts& parts, const Variable& to) {
  if (!sums) return;
  const Tensor gradient = tape.gradient_of(to);
  for (int64_t head = 0; head < heads; ++head) {
    const float* sum = add_rows(sums, heads * pieces, head * pieces, pieces, parts);
    for (int64_t r = 0; r < sums.dim(1); ++r) gradient.data[head * sums.dim(1) + r] += sum[r];
  }
}

}  // namespace

HeadSums::HeadSums(Arena& arena, const AttentionSpec& spec, int64_t pieces) : pieces_(pieces) {
  const int64_t H = spec.heads, rows = spec.batch * H;
  slot_key = sums_for(arena, rows, H, spec.slot_key);
  slot_value = sums_for(arena, rows, H, spec.slot_value);
  start = sums_for(arena, rows, H, spec.normalizer->parameter());
  bias = sums_for(arena, rows * pieces, H, own_of(spec));
  bias_shared = sums_for(arena, rows * pieces, shared_of(spec));
}

void HeadSums::add_up(const Tape& tape, const AttentionSpec& spec, const BatchParts& parts) const {
  const int64_t H = spec.heads;
  add_heads(tape, slot_key, H, 1, parts, spec.slot_key);
  add_heads(tape, slot_value, H, 1, parts, spec.slot_value);
  add_heads(tape, start, H, 1, parts, spec.normalizer->parameter());
  add_heads(tape, bias, H, pieces_, parts, own_of(spec));
  if (!bias_shared) return;
  const float* sum = add_rows(bias_shared, H * pieces_, 0, H * pieces_, parts);
  for (const Variable& shared : shared_of(spec)) {
    if (shared.wants_grad()) {
      const Tensor gradient = tape.gradient_of(shared);
      for (int64_t i = 0; i < shared.value.size(); ++i) gradient.data[i] += sum[i];
    }
    sum += shared.value.size();
  }
}

}  // namespace waiver::attention_tile
