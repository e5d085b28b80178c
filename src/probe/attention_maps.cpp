#include "probe/attention_maps.h"

#include <algorithm>
#include <cmath>

#include "core/stop.h"

namespace waiver {

std::vector<SeriesSpec> AttentionMaps::series() {
  const std::vector<std::string> axes = {"layer", "head", "query", "key"};
  return {
      {"snapshot", "pattern", axes, "1", "attention weights",
       "A[i,k] of the first probe sequence; 0 where the mask hides, NaN without attention and of "
       "padding"},
      {"snapshot", "pattern_mean", axes, "1", "mean attention weights",
       "A[i,k], mean over the probe sequences"}};
}

void AttentionMaps::clear(const ProbeContext& context, std::span<const int64_t> lengths) {
  const int64_t T = tokens_ = context.tokens;
  heads_ = context.heads;
  shares_.clear();
  for (int64_t t = 0; t < T; ++t)
    shares_.push_back(1.0f / static_cast<float>(
                                 std::ranges::count_if(lengths, [&](int64_t n) { return n > t; })));
  const int64_t maps = context.layers * heads_, most = std::ranges::max(lengths);
  first_.assign(maps * T * T, std::nanf(""));
  mean_.assign(first_.size(), std::nanf(""));
  for (int64_t map = 0; map < maps; ++map)
    for (int64_t i = 0; i < T; ++i) {
      const int64_t at = (map * T + i) * T;
      if (i < lengths[0]) std::fill_n(&first_[at], lengths[0], 0.0f);
      if (i < most) std::fill_n(&mean_[at], most, 0.0f);
    }
}

void AttentionMaps::add(const LayerView& view) {
  const int64_t T = tokens_, size = heads_ * T * T;
  float* first = &first_[view.layer * size];
  float* mean = &mean_[view.layer * size];
  for (int64_t b = 0; b < view.batch->batch; ++b) {
    check_stop();
    const int64_t n = view.length(b);
    for (int64_t h = 0; h < heads_; ++h)
      for (int64_t i = 0; i < n; ++i) {
        const float* row = view.map(view.pattern, b, h) + i * T;
        const int64_t at = (h * T + i) * T;
        if (view.begin + b == 0) std::copy_n(row, n, first + at);
        for (int64_t k = 0; k < n; ++k) mean[at + k] += shares_[std::max(i, k)] * row[k];
      }
  }
}

void AttentionMaps::leave_out(int64_t layer) {
  const int64_t size = heads_ * tokens_ * tokens_;
  for (std::vector<float>* maps : {&first_, &mean_})
    std::fill_n(&(*maps)[layer * size], size, std::nanf(""));
}

}  // namespace waiver
