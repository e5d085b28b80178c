#include "train/gradient_norm.h"

#include <algorithm>
#include <cmath>

#include "core/threads.h"

namespace waiver {
namespace {
constexpr int64_t kRange = 1 << 14;
int64_t ranges_before(int64_t number) { return (number + kRange - 1) / kRange; }
}  // namespace

GradientNorm::GradientNorm(int64_t size) : sums_(static_cast<size_t>(ranges_before(size))) {}

void GradientNorm::add(std::span<const float> gradients, const Slice& own) {
  const int64_t first = ranges_before(own.begin), count = ranges_before(own.end) - first;
  parallel_tiles(count, [&](int64_t i) {
    const int64_t begin = (first + i) * kRange,
                  end = std::min(begin + kRange, std::ssize(gradients));
    const float* g = gradients.data();  // through the span the loop is not vectorised
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t n = begin; n < end; ++n) sum += static_cast<double>(g[n]) * g[n];
    sums_[first + i] = sum;
  });
}

std::span<double> GradientNorm::ranges(const Slice& slice) {
  const int64_t first = ranges_before(slice.begin);
  return std::span(sums_).subspan(first, ranges_before(slice.end) - first);
}

double GradientNorm::value() const {
  double sum = 0;
  for (const double s : sums_) sum += s;
  return std::sqrt(sum);
}

int64_t GradientNorm::end_of_last(int64_t end) { return ranges_before(end) * kRange; }

}  // namespace waiver
