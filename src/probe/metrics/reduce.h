#pragma once

#include <cmath>
#include <vector>

#include "core/threads.h"
#include "probe/metrics/metric.h"

namespace waiver {

/// The mean of what was added, NaN if nothing was: undefined values are left out, and what is
/// undefined everywhere stays so.
struct Mean {
  double sum = 0, count = 0;

  void add(double x) { sum += x, count += 1; }
  void add(const Mean& other) { sum += other.sum, count += other.count; }
  double value() const { return count > 0 ? sum / count : std::nan(""); }
};

/// Calls f(b, h, row) for every sequence and head in parallel, each with its own empty `row` of
/// `width` means, and adds the rows to means[(layer·H + h)·width …] in the order of b.
template <class F>
void reduce_heads(const LayerView& view, int64_t heads, int64_t width, std::vector<Mean>& means,
                  const F& f) {
  const int64_t B = view.batch->batch;
  std::vector<Mean> rows(B * heads * width);
  parallel_tiles(B * heads, [&](int64_t i) { f(i / heads, i % heads, &rows[i * width]); });
  for (int64_t i = 0; i < B * heads; ++i)
    for (int64_t w = 0; w < width; ++w)
      means[(view.layer * heads + i % heads) * width + w].add(rows[i * width + w]);
}

/// Adds Σ_i map[i,k] over the queries i of sequence b that see key k to sums[k]: map [T, T].
void add_columns(const LayerView& view, int64_t b, const float* map, double* sums);
/// The same for the pattern of every sequence and head, [B, H, T].
std::vector<double> received_by_keys(const LayerView& view);
/// ‖v_k‖ and ‖W_O^h v_k‖ of every sequence, head and key, [B, H, T] each.
struct ValueNorms {
  std::vector<double> raw, projected;
};
ValueNorms value_norms(const LayerView& view, const Transformer& model);
/// The median of ‖W_O^h v_j‖ over the tokens j of a sequence, what a value ratio is divided by.
double median_value_norm(const LayerView& view, int64_t b, int64_t h);
/// ‖h[t]‖ of the tokens of a sequence in the residual stream, and the mean over its other tokens,
/// NaN where there are none; [length(b)] each.
struct StreamNorms {
  std::vector<double> own, others;
};
StreamNorms stream_norms(const LayerView& view, int64_t b, int64_t width);
/// How many of a token's numbers are massive activations: |h| > 100 and |h| > 1000 × `middle`, the
/// median of |h| in its sequence (Sun et al., 2402.17762).
int64_t massive_activations(const float* h, int64_t width, double middle);
/// ‖W_O^h v_*‖ of the added keys of a block, [H, A]; no sequence influences them, so those of the
/// sink tokens are in the first rows of qkv [B·S, 3HD].
std::vector<double> added_value_norms(const Tensor& qkv, const Transformer& model, int64_t layer);
/// The divisor that turns a query's weights into shares where they are not: Σ_j A[i,j] + 1e-8 over
/// all keys j, `tokens` of `A` and `others` of `added`, the sink tokens and the slot (the proxy of
/// Gu et al., 2410.10781).
double proxy_divisor(const float* A, int64_t tokens, const float* added, int64_t others);

inline double norm(const float* x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return std::sqrt(sum);
}

/// The means as the floats that are logged.
std::vector<float> values_of(const std::vector<Mean>& means);
/// Means laid out [group][which of `count`][width] → the values of each of the `count`,
/// [group][width].
std::vector<std::vector<float>> values_of_each(const std::vector<Mean>& means, int64_t count,
                                               int64_t width);

}  // namespace waiver
