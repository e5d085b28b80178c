#include "model/intervention.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "autograd/ops/attention/row.h"
#include "core/scratch.h"
#include "core/threads.h"

namespace waiver {
namespace {

std::vector<float> copy(const Tensor& t) { return {t.data, t.data + t.size()}; }

// Which rows of length T differ from before.
std::vector<char> changed_rows(const Tensor& now, const std::vector<float>& before) {
  const int64_t T = now.shape[-1], rows = now.size() / T;
  std::vector<char> out(rows);
  for (int64_t r = 0; r < rows; ++r)
    out[r] = std::memcmp(now.data + r * T, &before[r * T], T * sizeof(float)) != 0;
  return out;
}

}  // namespace

void edit_attention(Intervention& change, int64_t layer, const AttentionSpec& spec,
                    const Tensor& qkv, const Tensor& mix) {
  const int64_t T = spec.tokens, rows = spec.batch * spec.heads * T;
  std::vector<char> rescored(rows);
  if (change.edits(layer, Point::attn_scores)) {
    const std::vector<float> before = copy(spec.scores);
    change.edit(layer, Point::attn_scores, spec.scores);
    rescored = changed_rows(spec.scores, before);
  }
  std::vector<float> slot(rows);  // the slot's weight, which the pattern does not hold
  const auto weigh = [&](int64_t r, float* weights) {
    slot[r] = weigh_row(spec, qkv, r / T, r % T, spec.scores.data + r * T, weights);
  };
  parallel_tiles(rows, [&](int64_t r) {
    if (!rescored[r]) return;
    weigh(r, spec.pattern.data + r * T);
    if (spec.slot_pattern) spec.slot_pattern.data[r] = slot[r];
  });
  std::vector<char> reweighed(rows);
  if (change.edits(layer, Point::attn_pattern)) {
    const std::vector<float> before = copy(spec.pattern);
    change.edit(layer, Point::attn_pattern, spec.pattern);
    for (int64_t i = 0; i < spec.pattern.size(); ++i)
      if (std::isinf(spec.scores.data[i])) spec.pattern.data[i] = 0;
    reweighed = changed_rows(spec.pattern, before);
  }
  parallel_tiles(rows, [&](int64_t r) {
    if (!rescored[r] && !reweighed[r]) return;
    if (!rescored[r]) {
      Scratch memory;
      weigh(r, memory.floats(T));
    }
    mix_row(spec, qkv, r / T, r % T, spec.pattern.data + r * T, slot[r], mix);
  });
}

}  // namespace waiver
