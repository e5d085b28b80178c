#pragma once

#include <bit>
#include <cstdint>

namespace waiver {

/// The upper half of a float32: its sign, its exponent and 7 bits of its fraction.
struct bfloat16 {
  uint16_t bits;

  explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

/// x rounded to nearest, ties to even; what is too large becomes infinite, and NaN stays NaN.
inline bfloat16 to_bfloat16(float x) {
  const auto word = std::bit_cast<uint32_t>(x);
  const uint32_t nearest = (word + 0x7fffu + (word >> 16 & 1u)) >> 16;
  const uint32_t quiet = word >> 16 | 0x40u;
  return {static_cast<uint16_t>((word & 0x7fffffffu) > 0x7f800000u ? quiet : nearest)};
}

}  // namespace waiver
