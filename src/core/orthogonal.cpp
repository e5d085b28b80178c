#include "core/orthogonal.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "core/threads.h"

namespace waiver {
namespace {

constexpr int64_t kRows = 16;  // rows of a tile: they share the vectors that are read

// Reflection k is 1 − v vᵀ on coordinates k … n − 1, which maps the normal vector x there to
// −sign(x_k) ‖x‖ e_k; row k of `vectors` holds v from its place k on. Returns −sign(x_k), the sign
// that makes R's diagonal positive.
double make_reflection(const Random& random, int64_t k, int64_t n, double* v) {
  double squares = 0;
  for (int64_t i = k; i < n; ++i) {
    v[i] = random.normal(k * n + i);
    squares += v[i] * v[i];
  }
  const double sign = v[k] < 0 ? -1 : 1;
  v[k] += sign * std::sqrt(squares);
  double length = 0;
  for (int64_t i = k; i < n; ++i) length += v[i] * v[i];
  const double scale = std::sqrt(2 / length);
  for (int64_t i = k; i < n; ++i) v[i] *= scale;
  return -sign;
}

void reflect(double* row, const double* v, int64_t k, int64_t n) {
  double along = 0;
#pragma omp simd reduction(+ : along)
  for (int64_t i = k; i < n; ++i) along += row[i] * v[i];
  for (int64_t i = k; i < n; ++i) row[i] -= along * v[i];
}

}  // namespace

int random_orthogonal(const Random& random, Tensor q) {
  if (rehearsing()) return 1;
  const int64_t n = q.dim(0);
  std::vector<double> vectors(n * n), signs(n);
  parallel_tiles(
      n, [&](int64_t k) { signs[k] = make_reflection(random, k, n, vectors.data() + k * n); });
  parallel_ranges(n, kRows, [&](int64_t begin, int64_t end) {
    std::vector<double> rows((end - begin) * n, 0.0);
    for (int64_t r = begin; r < end; ++r) rows[(r - begin) * n + r] = 1;
    for (int64_t k = 0; k < n; ++k)
      for (int64_t r = 0; r < end - begin; ++r)
        reflect(rows.data() + r * n, vectors.data() + k * n, k, n);
    for (int64_t r = 0; r < end - begin; ++r)
      for (int64_t i = 0; i < n; ++i)
        q.row(begin + r)[i] = static_cast<float>(signs[i] * rows[r * n + i]);
  });
  // Every reflection has the determinant −1.
  return std::accumulate(signs.begin(), signs.end(), n % 2 ? -1 : 1,
                         [](int sign, double next) { return next < 0 ? -sign : sign; });
}

}  // namespace waiver
