#pragma once

#include <array>
#include <cmath>
#include <complex>
#include <numbers>

// The three kinds of number that the reference runs on: double for values, Dual for derivatives,
// std::complex<double> for the complex step by which Dual is checked.

namespace waiver::reference {

/// A value and its derivatives in eight directions: x + Σ_k d_k ε_k with ε_k ε_l = 0.
struct Dual {
  static constexpr int kDirections = 8;
  double value = 0;
  std::array<double, kDirections> slopes{};

  Dual() = default;
  Dual(double x) : value(x) {}

  /// f(x), given f and f' at x.value.
  Dual chain(double f, double derivative) const {
    Dual y(f);
    for (int k = 0; k < kDirections; ++k) y.slopes[k] = derivative * slopes[k];
    return y;
  }
  Dual& operator+=(const Dual& z) {
    value += z.value;
    for (int k = 0; k < kDirections; ++k) slopes[k] += z.slopes[k];
    return *this;
  }
};

inline Dual operator+(Dual x, const Dual& z) { return x += z; }
inline Dual operator-(const Dual& x) { return x.chain(-x.value, -1); }
inline Dual operator-(const Dual& x, const Dual& z) { return x + -z; }
inline Dual operator*(const Dual& x, double a) { return x.chain(a * x.value, a); }
inline Dual operator*(double a, const Dual& x) { return x * a; }
inline Dual operator/(const Dual& x, double a) { return x * (1 / a); }
inline Dual operator*(const Dual& x, const Dual& z) {
  Dual y(x.value * z.value);
  for (int k = 0; k < Dual::kDirections; ++k)
    y.slopes[k] = x.slopes[k] * z.value + x.value * z.slopes[k];
  return y;
}
inline Dual operator/(const Dual& x, const Dual& z) {
  return x * z.chain(1 / z.value, -1 / (z.value * z.value));
}

inline Dual exp(const Dual& x) { return x.chain(std::exp(x.value), std::exp(x.value)); }
inline Dual log(const Dual& x) { return x.chain(std::log(x.value), 1 / x.value); }
inline Dual sqrt(const Dual& x) {
  const double root = std::sqrt(x.value);
  return x.chain(root, 0.5 / root);
}

inline Dual tanh(const Dual& x) {
  const double y = std::tanh(x.value);
  return x.chain(y, 1 - y * y);
}

inline double real_part(double x) { return x; }
inline double real_part(const Dual& x) { return x.value; }
inline double real_part(const std::complex<double>& x) { return x.real(); }

/// x as bfloat16, to nearest, ties to even: 8 significant bits. Its slope counts as that of x.
inline double rounded(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  const double unit = std::ldexp(1.0, std::ilogb(x) - 7);
  return std::nearbyint(x / unit) * unit;
}
inline Dual rounded(const Dual& x) { return x.chain(rounded(x.value), 1); }
inline std::complex<double> rounded(const std::complex<double>& x) {
  return {rounded(x.real()), x.imag()};
}

/// Where functions with a kink at 0 bend; moved a little, they take the slope of the other side
/// wherever a value is closer to the kink than rounding can resolve.
inline double kink = 0;
template <class S>
bool beyond_kink(const S& x) {
  return real_part(x) > kink;
}

inline double erf_slope(double x) { return 2 * std::numbers::inv_sqrtpi * std::exp(-x * x); }
inline double erf_of(double x) { return std::erf(x); }
inline Dual erf_of(const Dual& x) { return x.chain(std::erf(x.value), erf_slope(x.value)); }
/// To first order in the imaginary part, which a complex step keeps at 1e-30.
inline std::complex<double> erf_of(const std::complex<double>& x) {
  return {std::erf(x.real()), x.imag() * erf_slope(x.real())};
}

/// GELU's tanh form (1606.08415, §2).
template <class S>
S gelu_tanh(const S& x) {
  using std::tanh;
  const S u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (S(1.0) + tanh(u));
}

}  // namespace waiver::reference
