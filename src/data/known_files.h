#pragma once

#include <cstdint>
#include <string_view>

namespace waiver {

/// What a file that is not a bare array of numbers is, judging by its bytes: `an HDF5 file`,
/// `text`; empty where the format is not recognised.
std::string_view known_file(std::string_view bytes);

/// The number in up to 8 bytes, little-endian.
uint64_t little_endian(std::string_view bytes);

}  // namespace waiver
