#pragma once

#include <bit>
#include <cstdint>

namespace waiver {

/// IEEE 754 binary16: a sign, 5 bits of exponent (bias 15), 10 bits of fraction.
struct float16 {
  uint16_t bits = 0;

  /// Exact; infinities and NaN stay what they are.
  explicit operator float() const {
    const uint32_t sign = (bits & 0x8000u) << 16, rest = bits & 0x7fffu;
    const uint32_t tiny = std::bit_cast<uint32_t>(static_cast<float>(rest) * 0x1p-24f);
    const uint32_t exponent = rest >= 0x7c00u ? 0x70000000u : 0x38000000u;  // 224 or 112 more
    return std::bit_cast<float>(sign | (rest < 0x400u ? tiny : (rest << 13) + exponent));
  }
};

}  // namespace waiver
