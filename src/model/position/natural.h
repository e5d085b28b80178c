#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <vector>

namespace waiver {

/// A natural number of any size, for comparing products exactly.
class Natural {
 public:
  /// base^exponent. REQUIRES: base > 0, exponent ≥ 0.
  static Natural power(int64_t base, int64_t exponent) { return Natural().times(base, exponent); }
  /// This, times factor^count. REQUIRES: factor > 0, count ≥ 0.
  Natural times(int64_t factor, int64_t count) const {
    Natural out = *this;
    for (int64_t i = 0; i < count; ++i) out.multiply(static_cast<uint64_t>(factor));
    return out;
  }
  std::strong_ordering operator<=>(const Natural& other) const {
    if (const auto order = digits_.size() <=> other.digits_.size(); order != 0) return order;
    return std::lexicographical_compare_three_way(digits_.rbegin(), digits_.rend(),
                                                  other.digits_.rbegin(), other.digits_.rend());
  }
  bool operator==(const Natural&) const = default;

 private:
  void multiply(uint64_t factor) {
    __extension__ using Wide = unsigned __int128;
    uint64_t carry = 0;
    for (uint64_t& digit : digits_) {
      const Wide product = static_cast<Wide>(digit) * factor + carry;
      digit = static_cast<uint64_t>(product);
      carry = static_cast<uint64_t>(product >> 64);
    }
    if (carry > 0) digits_.push_back(carry);
  }

  std::vector<uint64_t> digits_ = {1};  // in base 2⁶⁴, the lowest first, the highest not 0
};

}  // namespace waiver
