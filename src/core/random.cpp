#include "core/random.h"

#include <algorithm>
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

std::array<double, 2> Random::normals(uint64_t index) const {
  const auto w = words(index);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - unit(w[0], w[1])));
  const double angle = 2.0 * std::numbers::pi * unit(w[2], w[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace waiver
