#include "probe/metrics/by_role.h"

#include "probe/metrics/reduce.h"
#include "probe/roles.h"

namespace waiver {

std::vector<Viewers> count_viewers(const LayerView& view, const Dataset& data, int64_t queries) {
  const int64_t T = view.batch->tokens;
  std::vector<Viewers> out(view.batch->batch * queries * T);
  parallel_tiles(view.batch->batch, [&](int64_t b) {
    for (int64_t i = 0; i < view.length(b); ++i) {
      const VisibleKeys& keys = view.visible(b, i);
      for_entries_of(data.query_role(&view.batch->inputs[b * T], i), queries, [&](int64_t q) {
        for (const KeyRange& range : keys.ranges())
          for (int64_t k = range.begin; k < range.end; ++k) {
            if (k == i) continue;
            Viewers& seen = out[(b * queries + q) * T + k];
            seen.count += 1;
            seen.uniform += 1.0 / static_cast<double>(keys.size());
          }
      });
    }
  });
  return out;
}

std::vector<double> received_by_role(const LayerView& view, const ProbeContext& context,
                                     int64_t queries, int64_t b, int64_t h) {
  const int64_t T = view.batch->tokens, added = view.added ? view.added.dim(3) : 0;
  const bool shares = context.model->config().attention.normalizer->shares();
  const float* A = view.map(view.pattern, b, h);
  std::vector<double> sums(queries * T, 0.0);
  for (int64_t i = 0; i < view.length(b); ++i) {
    const double divisor =
        shares ? 1.0
               : proxy_divisor(A + i * T, T, added > 0 ? view.added_row(b, h, i) : nullptr, added);
    const int64_t role = context.data->query_role(&view.batch->inputs[b * T], i);
    for_entries_of(role, queries, [&](int64_t q) {
      for (const KeyRange& range : view.visible(b, i).ranges())
        for (int64_t k = range.begin; k < range.end; ++k)
          if (k != i) sums[q * T + k] += A[i * T + k] / divisor;
    });
  }
  return sums;
}

}  // namespace waiver
