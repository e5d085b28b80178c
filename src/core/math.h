#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

namespace waiver {

// Branch-free scalar functions that the compiler vectorises. Their results depend on the argument
// alone.

/// e^x for x ≤ 88.3, relative error below 2.5e-7; 0 below −87.7; NaN stays NaN.
inline float fast_exp_to_88(float x) {
  const float clamped = x < -88.0f ? -88.0f : x;  // where the power of two becomes 0
  // The shift rounds to the nearest integer and leaves it in the low bits.
  const float shifted = clamped * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) + 127u) << 23);
}

/// The same for all x, e^88.3 above 88.3.
inline float fast_exp(float x) { return fast_exp_to_88(x > 88.3f ? 88.3f : x); }

/// e^x − 1, relative error below 2e-7, near 0 too; −1 below −87.3, e^88.3 above 88.3; NaN stays
/// NaN.
inline float fast_expm1(float x) {
  const float clamped = x > 88.3f ? 88.3f : (x < -87.3f ? -87.3f : x);
  const float shifted = clamped * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r;  // e^r − 1
  const float power = std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) + 127u) << 23);
  return p * power + (power - 1.0f);
}

/// σ(x) = 1 / (1 + e^−x); NaN stays NaN.
inline float sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

/// ln x for normal x > 0, error below 1e-7 relative to the larger of 1 and |ln x|: with x = m 2^e,
/// m from √½ to √2, a polynomial in m − 1.
inline float fast_log(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x) - 0x3f3504f3u;  // √½
  const auto e = static_cast<float>(static_cast<int32_t>(bits) >> 23);
  const float f = std::bit_cast<float>((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const float square = f * f;
  const float rest = p * f * square - 2.12194440e-4f * e - 0.5f * square;
  return f + rest + 0.693359375f * e;
}

/// Φ(x) = P(N(0, 1) ≤ x) and φ(x), absolute error below 1e-7: Abramowitz and Stegun 7.1.26 on the
/// tail, which avoids cancellation for negative x.
struct NormalCdf {
  float cdf, density;
};
inline NormalCdf normal_cdf(float x) {
  const float gauss = fast_exp(-0.5f * x * x);
  const float z = (x < 0 ? -x : x) * 0.70710678f;
  const float t = 1.0f / (1.0f + 0.3275911f * z);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float tail = 0.5f * p * t * gauss;
  return {x < 0 ? tail : 1.0f - tail, 0.39894228f * gauss};
}

/// GELU's tanh form is x σ(2u), u = √(2/π) (x + 0.044715 x³), as (1 + tanh u) / 2 = σ(2u)
/// (Hendrycks and Gimpel, 1606.08415, §2). σ(2u), error below 1.2e-7, relative to it below 2e-5,
/// and the slope of the whole, error below 3e-7. Beyond ±10 they are those of ±10, which are 0 and
/// 1 but for 1e-36.
struct TanhGelu {
  float share, slope;
};
inline TanhGelu tanh_gelu(float x) {
  const float z = x < -10.0f ? -10.0f : (x > 10.0f ? 10.0f : x);
  const float square = z * z;
  const float rest = fast_exp_to_88(-1.59576912f * z * (1.0f + 0.044715f * square));
  const float share = 1.0f / (1.0f + rest);  // 1 − share is share · rest, without cancellation
  const float rate = 1.59576912f * (1.0f + 0.134145f * square);
  return {share, share + z * rate * share * (share * rest)};
}

/// Whether none of them is NaN or infinite.
inline bool all_finite(std::span<const float> values) {
  const float* x = values.data();
  const int64_t n = std::ssize(values);
  int64_t others = 0;
#pragma omp simd reduction(+ : others)
  for (int64_t i = 0; i < n; ++i)
    others += (std::bit_cast<uint32_t>(x[i]) & 0x7f800000u) == 0x7f800000u;
  return others == 0;
}

}  // namespace waiver
