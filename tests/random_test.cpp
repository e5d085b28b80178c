#include "core/random.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <set>
#include <vector>

namespace waiver {
namespace {

// The substream that makes Random's second key word exactly `word`: a stream's name is hashed,
// substreams are spread by an odd factor, and both are mixed; every step can be undone.
uint64_t inverse(uint64_t odd) {
  uint64_t x = odd;
  for (int i = 0; i < 6; ++i) x *= 2 - odd * x;
  return x;
}
uint64_t unshift(uint64_t x, int bits) {
  uint64_t y = x;
  for (int done = bits; done < 64; done += bits) y = x ^ (y >> bits);
  return y;
}
uint64_t substream_for(uint64_t word) {
  constexpr uint64_t hash_of_nothing = 0xcbf29ce484222325u;
  uint64_t x = unshift(word, 31) * inverse(0x94d049bb133111ebu);
  x = unshift(x, 27) * inverse(0xbf58476d1ce4e5b9u);
  return (unshift(x, 30) - hash_of_nothing) * inverse(0x9e3779b97f4a7c15u);
}

using Words = std::array<uint32_t, 4>;
Words philox(uint64_t key, uint64_t counter_high, uint64_t counter_low) {
  return Random(key, "", substream_for(counter_high)).words(counter_low);
}

TEST_CASE("words are those of Philox4x32-10, by the known answers of Random123") {
  CHECK(philox(0, 0, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(~0ull, ~0ull, ~0ull) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a random number is a function of seed, stream, substream and index") {
  const Random a(7, "weights", 2), b(7, "weights", 2);
  for (uint64_t index : {9u, 3u, 9u, 0u}) CHECK(a.words(index) == b.words(index));
}

TEST_CASE("many words are those of their indices, wherever they begin and however many") {
  const Random random(7, "weights", 2);
  for (uint64_t place : {0ull, 1ull, 2ull, 3ull, 1000ull, (1ull << 34) - 13, ~0ull - 40})
    for (size_t n = 0; n < 40; ++n) {
      std::vector<uint32_t> found(n + 1, 42), expected(n + 1, 42);
      random.words(place, std::span(found).first(n));
      for (size_t i = 0; i < n; ++i) expected[i] = random.words((place + i) / 4)[(place + i) % 4];
      REQUIRE(found == expected);
    }
}

TEST_CASE("any change of seed, stream, substream or index gives other numbers") {
  std::set<Words> seen;
  int asked = 0;
  for (uint64_t seed : {0ull, 1ull, 1ull << 32})
    for (const char* stream : {"", "a", "b", "ab", "ba"})
      for (uint64_t substream : {0ull, 1ull, 1ull << 40})
        for (uint64_t index : {0ull, 1ull, 1ull << 32}) {
          seen.insert(Random(seed, stream, substream).words(index));
          ++asked;
        }
  CHECK(static_cast<int>(seen.size()) == asked);
}

constexpr int kDraws = 1 << 17;

struct Moments {
  double mean = 0, variance = 0, kurtosis = 0;
};
Moments moments_of(const std::vector<double>& x) {
  Moments m;
  for (double v : x) m.mean += v / static_cast<double>(x.size());
  for (double v : x) m.variance += std::pow(v - m.mean, 2) / static_cast<double>(x.size());
  for (double v : x)
    m.kurtosis += std::pow(v - m.mean, 4) / static_cast<double>(x.size()) / m.variance / m.variance;
  return m;
}

// Bounds below are five standard errors. The draws are fixed: such a test passes always or never.
TEST_CASE("uniform numbers lie in [0, 1) with the moments of a uniform law") {
  const Random random(1, "uniform");
  std::vector<double> x;
  for (int i = 0; i < kDraws; ++i) x.push_back(random.uniform(i));
  for (double v : x) REQUIRE((v >= 0 && v < 1));
  const Moments m = moments_of(x);
  CHECK(std::abs(m.mean - 0.5) < 5 * std::sqrt(1 / 12.0 / kDraws));
  CHECK(std::abs(m.variance - 1 / 12.0) < 5 * std::sqrt(1 / 180.0 / kDraws));
}

TEST_CASE("normal numbers have the moments of a standard normal law") {
  const Random random(1, "normal");
  std::vector<double> x;
  for (int i = 0; i < kDraws; ++i) x.push_back(random.normal(i));
  const Moments m = moments_of(x);
  CHECK(std::abs(m.mean) < 5 * std::sqrt(1.0 / kDraws));
  CHECK(std::abs(m.variance - 1) < 5 * std::sqrt(2.0 / kDraws));
  CHECK(std::abs(m.kurtosis - 3) < 5 * std::sqrt(24.0 / kDraws));
}

TEST_CASE("numbers of neighbouring indices and streams are not correlated") {
  const Random a(1, "a"), b(1, "b");
  double neighbours = 0, streams = 0;
  for (int i = 0; i < kDraws; ++i) {
    neighbours += a.normal(i) * a.normal(i + 1) / kDraws;
    streams += a.normal(i) * b.normal(i) / kDraws;
  }
  CHECK(std::abs(neighbours) < 5 * std::sqrt(1.0 / kDraws));
  CHECK(std::abs(streams) < 5 * std::sqrt(1.0 / kDraws));
}

std::vector<float> normals(const Random& random, uint64_t place, size_t count) {
  std::vector<float> out(count);
  random.normals(place, out);
  return out;
}

TEST_CASE("normal numbers that come many at once are those of the formula") {
  const Random random(3, "normals", 5);
  for (const uint64_t place : {uint64_t{0}, uint64_t{1} << 33}) {
    const std::vector<float> x = normals(random, place, 20001);
    for (size_t i = 0; i < x.size(); ++i) {
      const uint64_t first = place + i - i % 2;
      const auto word = [&](uint64_t p) { return random.words(p / 4)[p % 4] / 4294967296.0; };
      const double radius = std::sqrt(-2 * std::log(word(first) + 0.5 / 4294967296)),
                   angle = 2 * M_PI * word(first + 1);
      const double exact = radius * (i % 2 ? std::sin(angle) : std::cos(angle));
      // Rounded once to a float, of at most 6.8.
      REQUIRE(std::abs(x[i] - exact) < 3e-7);
    }
  }
}

TEST_CASE("normal numbers are the same at every place, from wherever and however many are drawn") {
  const Random random(3, "normals");
  const std::vector<float> whole = normals(random, 0, 1200);
  for (const size_t place : {0, 2, 4, 6, 254, 256, 258, 600})
    for (const size_t count : {0, 1, 2, 3, 5, 255, 256, 257, 513, 600})
      REQUIRE(normals(random, place, count) ==
              std::vector<float>(whole.begin() + static_cast<int64_t>(place),
                                 whole.begin() + static_cast<int64_t>(place + count)));
}

TEST_CASE("normal numbers that come many at once have the moments of independent normal ones") {
  const std::vector<float> drawn = normals(Random(1, "normals"), 0, kDraws);
  const std::vector<double> x(drawn.begin(), drawn.end());
  const Moments m = moments_of(x);
  CHECK(std::abs(m.mean) < 5 * std::sqrt(1.0 / kDraws));
  CHECK(std::abs(m.variance - 1) < 5 * std::sqrt(2.0 / kDraws));
  CHECK(std::abs(m.kurtosis - 3) < 5 * std::sqrt(24.0 / kDraws));
  // Numbers of a pair, and their squares, in which a common radius would show.
  double pairs = 0, squares = 0, neighbours = 0;
  constexpr int n = kDraws / 2 - 1;
  for (int i = 0; i < n; ++i) {
    pairs += x[2 * i] * x[2 * i + 1] / n;
    squares += (x[2 * i] * x[2 * i] - 1) * (x[2 * i + 1] * x[2 * i + 1] - 1) / n;
    neighbours += x[2 * i + 1] * x[2 * i + 2] / n;
  }
  CHECK(std::abs(pairs) < 5 * std::sqrt(1.0 / n));
  CHECK(std::abs(squares) < 5 * 2 * std::sqrt(1.0 / n));  // x² − 1 has the variance 2
  CHECK(std::abs(neighbours) < 5 * std::sqrt(1.0 / n));
}

TEST_CASE("below(n) gives each of 0 … n − 1 equally often") {
  for (int n : {1, 2, 7, 65}) {
    const Random random(1, "below");
    std::vector<int> counts(n);
    for (int i = 0; i < kDraws; ++i) {
      const int64_t drawn = random.below(i, n);
      REQUIRE((drawn >= 0 && drawn < n));
      ++counts[drawn];
    }
    const double expected = static_cast<double>(kDraws) / n;
    double chi_squared = 0;
    for (int count : counts) chi_squared += std::pow(count - expected, 2) / expected;
    CHECK(std::abs(chi_squared - (n - 1)) <= 5 * std::sqrt(2.0 * (n - 1)));
  }
}

}  // namespace
}  // namespace waiver
