#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace waiver {

/// Random numbers as a function: value = f(seed, stream, index), by Philox4x32-10 (Salmon et al.,
/// SC 2011). Nothing is stored, so nothing needs saving: any number can be drawn at any time.
class Random {
 public:
  Random(uint64_t seed, std::string_view stream, uint64_t substream = 0);

  /// Four independent words for this index.
  std::array<uint32_t, 4> words(uint64_t index) const;
  /// Many at once, about three times as fast: out[i] = word `place` + i, where word p is words(p /
  /// 4)[p % 4].
  void words(uint64_t place, std::span<uint32_t> out) const;
  /// Uniform in [0, 1), 53 bits.
  double uniform(uint64_t index) const;
  /// Uniform in {0, …, n − 1}; n < 2^32.
  int64_t below(uint64_t index, int64_t n) const;
  /// Standard normal, by Box–Muller.
  double normal(uint64_t index) const;
  /// Many at once, some twenty times as fast, and other numbers than those of `normal`: out[i] =
  /// number `place` + i, where numbers 2n and 2n + 1 are √(−2 ln u) times cos 2πv and sin 2πv, u =
  /// (word 2n + ½) ÷ 2³², v = word 2n + 1 ÷ 2³² (words(place, out)). REQUIRES: `place` is even.
  void normals(uint64_t place, std::span<float> out) const;

 private:
  uint64_t seed_, stream_;
};

}  // namespace waiver
