#include "probe/metrics/reduce.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/products/gemm.h"
#include "core/scratch.h"
#include "core/statistics/order.h"

namespace waiver {

std::vector<float> values_of(const std::vector<Mean>& means) {
  std::vector<float> out;
  for (const Mean& mean : means) out.push_back(static_cast<float>(mean.value()));
  return out;
}

std::vector<std::vector<float>> values_of_each(const std::vector<Mean>& means, int64_t count,
                                               int64_t width) {
  const std::vector<float> values = values_of(means);
  std::vector<std::vector<float>> out(count);
  for (auto at = values.begin(); at != values.end();)
    for (int64_t which = 0; which < count; ++which, at += width)
      out[which].insert(out[which].end(), at, at + width);
  return out;
}

void add_columns(const LayerView& view, int64_t b, const float* map, double* sums) {
  const int64_t T = view.batch->tokens;
  for (int64_t i = 0; i < view.length(b); ++i)
    for (const KeyRange& keys : view.visible(b, i).ranges())
      for (int64_t k = keys.begin; k < keys.end; ++k) sums[k] += map[i * T + k];
}

std::vector<double> received_by_keys(const LayerView& view) {
  const int64_t H = view.pattern.dim(1), T = view.batch->tokens;
  std::vector<double> sums(view.batch->batch * H * T, 0.0);
  parallel_tiles(view.batch->batch * H, [&](int64_t i) {
    add_columns(view, i / H, view.map(view.pattern, i / H, i % H), &sums[i * T]);
  });
  return sums;
}

ValueNorms value_norms(const LayerView& view, const Transformer& model) {
  const int64_t H = view.pattern.dim(1), T = view.batch->tokens, C = model.config().width,
                D = model.config().channels_per_head(), B = view.batch->batch,
                pitch = view.qkv.stride();
  const Tensor& W = model.output_projection(view.layer);
  ValueNorms out{std::vector<double>(B * H * T), std::vector<double>(B * H * T)};
  parallel_tiles(B * H, [&](int64_t i) {
    const int64_t h = i % H;
    const float* v = view.value(i / H, 0, h);
    Scratch memory;
    float* projected = memory.floats(T * C);
    gemm(Op::plain, Op::plain, T, C, D, 1.0f, v, pitch, W.row(h * D), C, 0.0f, projected, C);
    for (int64_t t = 0; t < T; ++t) {
      out.raw[i * T + t] = norm(v + t * pitch, D);
      out.projected[i * T + t] = norm(projected + t * C, C);
    }
  });
  return out;
}

double median_value_norm(const LayerView& view, int64_t b, int64_t h) {
  const double* norms = view.of_values(view.output_value_norms, b, h);
  std::vector<double> sorted(norms, norms + view.length(b));
  return median(sorted);
}

StreamNorms stream_norms(const LayerView& view, int64_t b, int64_t width) {
  const int64_t n = view.length(b);
  StreamNorms out;
  double total = 0;
  for (int64_t t = 0; t < n; ++t) {
    out.own.push_back(norm(view.resid.row(b * view.batch->tokens + t), width));
    total += out.own.back();
  }
  for (const double own : out.own)
    out.others.push_back(n > 1 ? (total - own) / static_cast<double>(n - 1) : std::nan(""));
  return out;
}

int64_t massive_activations(const float* h, int64_t width, double middle) {
  return std::count_if(h, h + width,
                       [&](float x) { return std::abs(x) > 100 && std::abs(x) > 1000 * middle; });
}

std::vector<double> added_value_norms(const Tensor& qkv, const Transformer& model, int64_t layer) {
  const ModelConfig& config = model.config();
  const int64_t H = config.heads, C = config.width, D = config.channels_per_head(),
                A = config.added_keys();
  const Tensor& W = model.output_projection(layer);
  const Tensor slot = model.slot(layer).value().value;
  std::vector<double> out(H * A, 0.0);
  std::vector<float> projected(C);
  for (int64_t h = 0; h < H; ++h)
    for (int64_t a = 0; a < A; ++a) {
      const bool is_slot = a == config.sink_tokens;
      if (is_slot && !slot) continue;  // its value is 0
      const float* v = is_slot ? slot.row(h) : qkv.row(a) + (2 * H + h) * D;
      gemm(Op::plain, Op::plain, 1, C, D, 1.0f, v, D, W.row(h * D), C, 0.0f, projected.data(), C);
      out[h * A + a] = norm(projected.data(), C);
    }
  return out;
}

double proxy_divisor(const float* A, int64_t tokens, const float* added, int64_t others) {
  return std::accumulate(added, added + others, std::accumulate(A, A + tokens, 1e-8));
}

void Metric::leave_out(int64_t layer, int64_t layers) {
  for (std::vector<float>& v : values_) {
    const int64_t row = std::ssize(v) / layers;
    std::fill_n(&v[layer * row], row, std::numeric_limits<float>::quiet_NaN());
  }
}

}  // namespace waiver
