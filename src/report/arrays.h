#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/files/json.h"

namespace waiver {

// Arrays of numbers for the page: {type, shape, data}. `data` is base64 of a zlib stream of the
// numbers' bytes, little-endian, all first bytes before all second bytes and so on, in which form
// they compress well. NaN stays NaN.

/// Bit for bit: `float32` where every number is one, else `float64`.
Json exact_array(std::span<const double> values, std::vector<int64_t> shape);
/// `float24`: the upper three bytes of float32, rounded: relative error up to 2⁻¹⁶.
Json rounded_array(std::span<const double> values, std::vector<int64_t> shape);
/// `share`: shares in [0, 1] as a byte each, v/254; 255 is NaN. Error up to 1/508.
Json share_array(std::span<const double> values, std::vector<int64_t> shape);
/// `int32`. REQUIRES: they are in its range.
Json whole_array(std::span<const int64_t> values, std::vector<int64_t> shape);

}  // namespace waiver
