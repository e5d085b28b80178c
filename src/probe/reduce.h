#pragma once

#include <cmath>
#include <vector>

#include "core/threads.h"
#include "probe/metric.h"

namespace waiver {

/// Calls f(b, h, row) for every sequence and head in parallel, each with its own zeroed `row` of
/// `width` doubles, and adds the rows to sums[(layer·H + h)·width …] in the order of b.
template <class F>
void reduce_heads(const LayerView& view, int64_t heads, int64_t width, std::vector<double>& sums,
                  const F& f) {
  const int64_t B = view.batch->batch;
  std::vector<double> rows(B * heads * width, 0.0);
  parallel_tiles(B * heads, [&](int64_t i) { f(i / heads, i % heads, &rows[i * width]); });
  for (int64_t i = 0; i < B * heads; ++i)
    for (int64_t w = 0; w < width; ++w)
      sums[(view.layer * heads + i % heads) * width + w] += rows[i * width + w];
}

/// Adds Σ_i map[i,k] over the queries i of sequence b that see key k to sums[k]: map [T, T].
void add_columns(const LayerView& view, int64_t b, const float* map, double* sums);
/// The same of the pattern of every sequence and head, [B, H, T].
std::vector<double> received_by_keys(const LayerView& view);

inline double norm(const float* x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return std::sqrt(sum);
}

/// sums / count, as the floats that are logged.
inline std::vector<float> mean_of(const std::vector<double>& sums, double count) {
  std::vector<float> out(sums.size());
  for (size_t i = 0; i < sums.size(); ++i) out[i] = static_cast<float>(sums[i] / count);
  return out;
}

/// Sums laid out [group][which of `count`][width] → the means of each of the `count`,
/// [group][width].
std::vector<std::vector<float>> means_of_each(const std::vector<double>& sums, double divisor,
                                              int64_t count, int64_t width);

/// The median; reorders `x`. REQUIRES: not empty.
double median(std::vector<double>& x);

}  // namespace waiver
