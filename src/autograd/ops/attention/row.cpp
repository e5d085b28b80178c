#include "autograd/ops/attention/row.h"

#include <limits>
#include <vector>

#include "autograd/ops/attention/tile.h"

namespace waiver {

float weigh_row(const AttentionSpec& spec, const Tensor& qkv, int64_t index, int64_t i,
                const float* scores, float* weights) {
  constexpr float hidden = -std::numeric_limits<float>::infinity();
  const attention_tile::Head h(spec, qkv, {}, index);
  const bool has_slot = static_cast<bool>(spec.slot_key.value);
  std::vector<int64_t> keys;
  std::vector<float> seen;
  for (int64_t j = 0; j < h.T; ++j)
    if (scores[j] != hidden) {
      keys.push_back(j);
      seen.push_back(scores[j]);
    }
  std::fill_n(weights, h.T, 0.0f);
  if (keys.empty() && !has_slot) return 0;
  const int64_t n = std::ssize(keys);
  RowState state = spec.normalizer->start(h.head, n + has_slot, h.T);
  std::vector<float> passed = seen;
  if (n > 0) spec.normalizer->extend(state, passed.data(), n);
  float slot = has_slot ? attention_tile::slot_score(h, i) : 0;
  if (float passed_slot = slot; has_slot) spec.normalizer->extend(state, &passed_slot, 1);
  spec.normalizer->weigh(state, seen.data(), passed.data(), n);
  if (has_slot) spec.normalizer->weigh(state, &slot, &slot, 1);
  for (int64_t at = 0; at < n; ++at) weights[keys[at]] = passed[at];
  return slot;
}

void mix_row(const AttentionSpec& spec, const Tensor& qkv, int64_t index, int64_t i,
             const float* weights, float slot, const Tensor& mix) {
  const attention_tile::Head h(spec, qkv, {}, index);
  float* out = h.out(mix, i);
  std::fill_n(out, h.D, 0.0f);
  for (int64_t j = 0; j < h.T; ++j)
    if (weights[j] != 0)
      for (int64_t d = 0; d < h.D; ++d)
        out[d] += h.input(weights[j]) * h.input(h.v[j * h.stride + d]);
  if (const Tensor& v = spec.slot_value.value)
    for (int64_t d = 0; d < h.D; ++d) out[d] += h.input(slot) * h.input(v.row(h.head)[d]);
}

}  // namespace waiver
