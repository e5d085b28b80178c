#pragma once

#include <cstdint>
#include <string_view>

namespace waiver {

/// What a file is that is no bare row of numbers, told by its bytes: `an HDF5 file`, `text`; empty
/// where it is none of those known.
std::string_view known_file(std::string_view bytes);

/// The number that at most 8 bytes hold, the lowest first.
uint64_t little_endian(std::string_view bytes);

}  // namespace waiver
