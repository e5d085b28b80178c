#include "probe/cut_sinks.h"

#include <algorithm>

namespace waiver {

Tensor rows_of_tokens(Arena& arena, const Tensor& x, int64_t batch, int64_t sinks) {
  if (sinks == 0) return x;
  const int64_t S = x.dim(0) / batch, T = S - sinks, W = x.dim(1);
  Tensor out = arena.tensor({batch * T, W});
  for (int64_t b = 0; b < batch; ++b) std::copy_n(x.row(b * S + sinks), T * W, out.row(b * T));
  return out;
}

Tensor map_of_tokens(Arena& arena, const Tensor& map, int64_t sinks) {
  if (sinks == 0) return map;
  const int64_t maps = map.dim(0) * map.dim(1), S = map.dim(3), T = S - sinks;
  Tensor out = arena.tensor({map.dim(0), map.dim(1), T, T});
  for (int64_t m = 0; m < maps; ++m)
    for (int64_t i = 0; i < T; ++i)
      std::copy_n(map.data + (m * S + sinks + i) * S + sinks, T, out.data + (m * T + i) * T);
  return out;
}

Tensor added_weights(Arena& arena, const Tensor& pattern, const Tensor& slot, int64_t sinks) {
  const int64_t A = sinks + (slot ? 1 : 0);
  if (A == 0) return {};
  const int64_t maps = pattern.dim(0) * pattern.dim(1), S = pattern.dim(3), T = S - sinks;
  Tensor out = arena.tensor({pattern.dim(0), pattern.dim(1), T, A});
  for (int64_t m = 0; m < maps; ++m)
    for (int64_t i = 0; i < T; ++i) {
      const int64_t query = m * S + sinks + i;
      float* row = out.data + (m * T + i) * A;
      std::copy_n(pattern.data + query * S, sinks, row);
      if (slot) row[sinks] = slot.data[query];
    }
  return out;
}

}  // namespace waiver
