#include "core/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace waiver {
namespace {

uint64_t mix(uint64_t x) {  // splitmix64's finaliser
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t fnv1a(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (unsigned char c : text) h = (h ^ c) * 0x100000001b3u;
  return h;
}

// Philox4x32-10 of the counter (index, stream). Inlined and unrolled, so that a loop over indices
// is vectorised.
[[gnu::always_inline]] inline void philox(uint64_t seed, uint64_t stream, uint64_t index,
                                          uint32_t* out) {
  uint32_t c0 = static_cast<uint32_t>(index), c1 = static_cast<uint32_t>(index >> 32);
  uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

// ln x for normal x in (0, 1), to 1e-14: x = m 2^e with m in [√½, √2), ln m = 2 artanh(s).
[[gnu::always_inline]] inline double log_below_one(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const double mantissa = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  // Exponents are small, so that their bits above 2^52 are those of a double.
  const double exponent =
      std::bit_cast<double>((bits >> 52) | 0x4330000000000000u) - (0x1.0p52 + 1023.0);
  const bool large = mantissa > std::numbers::sqrt2;
  const double m = large ? 0.5 * mantissa : mantissa, e = large ? exponent + 1 : exponent;
  const double s = (m - 1) / (m + 1), t = s * s;
  const double series =
      1 +
      t * (1.0 / 3 +
           t * (1.0 / 5 +
                t * (1.0 / 7 + t * (1.0 / 9 + t * (1.0 / 11 + t * (1.0 / 13 + t * (1.0 / 15)))))));
  return e * std::numbers::ln2 + 2 * s * series;
}

struct Turn {
  double cos, sin;
};
// cos 2πv and sin 2πv for v in [0, 1), to 1e-13, by the nearest quarter and Taylor's series.
[[gnu::always_inline]] inline Turn turn_by(double v) {
  const double quarter = std::floor(4 * v + 0.5), r = (4 * v - quarter) * (std::numbers::pi / 2),
               t = r * r;
  const double sin =
      r * (1 + t * (-1.0 / 6 +
                    t * (1.0 / 120 +
                         t * (-1.0 / 5040 + t * (1.0 / 362880 + t * (-1.0 / 39916800 +
                                                                     t * (1.0 / 6227020800.0)))))));
  const double cos =
      1 + t * (-1.0 / 2 +
               t * (1.0 / 24 +
                    t * (-1.0 / 720 + t * (1.0 / 40320 + t * (-1.0 / 3628800 +
                                                              t * (1.0 / 479001600.0 +
                                                                   t * (-1.0 / 87178291200.0)))))));
  const bool odd = quarter == 1 || quarter == 3;
  const double x = odd ? sin : cos, y = odd ? cos : sin;
  return {quarter == 1 || quarter == 2 ? -x : x, quarter == 2 || quarter == 3 ? -y : y};
}

double unit(uint32_t high, uint32_t low) {  // [0, 1) with 53 bits
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1.0p-53;
}

}  // namespace

Random::Random(uint64_t seed, std::string_view stream, uint64_t substream)
    : seed_(seed), stream_(mix(fnv1a(stream) + 0x9e3779b97f4a7c15u * substream)) {}

std::array<uint32_t, 4> Random::words(uint64_t index) const {
  std::array<uint32_t, 4> out;
  philox(seed_, stream_, index, out.data());
  return out;
}

void Random::words(uint64_t place, std::span<uint32_t> out) const {
  const auto part = [&](uint64_t from, uint32_t* to, int64_t n) {
    if (n == 0) return;
    const auto four = words(from / 4);
    std::copy_n(four.begin() + from % 4, n, to);
  };
  const int64_t n = std::ssize(out), begin = std::min<int64_t>(n, (4 - place % 4) % 4),
                fours = (n - begin) / 4, end = begin + 4 * fours;
  part(place, out.data(), begin);
  const uint64_t seed = seed_, stream = stream_, first = (place + begin) / 4;
  uint32_t* middle = out.data() + begin;
#pragma omp simd
  for (int64_t i = 0; i < fours; ++i) philox(seed, stream, first + i, middle + 4 * i);
  part(place + end, out.data() + end, n - end);
}

double Random::uniform(uint64_t index) const {
  const auto w = words(index);
  return unit(w[0], w[1]);
}

int64_t Random::below(uint64_t index, int64_t n) const {
  const auto w = words(index);
  return static_cast<int64_t>((uint64_t{w[0]} * static_cast<uint64_t>(n)) >> 32);
}

double Random::normal(uint64_t index) const {
  const auto w = words(index);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - unit(w[0], w[1])));
  return radius * std::cos(2.0 * std::numbers::pi * unit(w[2], w[3]));
}

void Random::normals(uint64_t place, std::span<float> out) const {
  constexpr size_t most = 256;
  uint32_t drawn[most];
  float pairs[most];
  for (size_t begin = 0; begin < out.size(); begin += most) {
    const size_t count = std::min(most, out.size() - begin);
    words(place + begin, std::span(drawn, count + count % 2));
    const auto n = static_cast<int64_t>(count + 1) / 2;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      const double radius = std::sqrt(-2.0 * log_below_one((drawn[2 * i] + 0.5) * 0x1.0p-32));
      const Turn turn = turn_by(drawn[2 * i + 1] * 0x1.0p-32);
      pairs[2 * i] = static_cast<float>(radius * turn.cos);
      pairs[2 * i + 1] = static_cast<float>(radius * turn.sin);
    }
    std::copy_n(pairs, count, out.begin() + static_cast<int64_t>(begin));
  }
}

}  // namespace waiver
