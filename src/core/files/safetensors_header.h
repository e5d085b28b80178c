#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace waiver {

/// One array of a safetensors file.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as the file calls it: F32, BF16, I64
  Shape shape;
  int64_t begin = 0, end = 0;  // of its bytes among all arrays

  /// Whether its numbers can be read as float32: F32, F16 and BF16.
  bool readable() const { return dtype == "F32" || dtype == "F16" || dtype == "BF16"; }
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> entries;  // in the order of their bytes
};

/// Reads a header's JSON and checks it against the `available` bytes of arrays. Throws Error for
/// what is not of the format: types that it does not know, more than five axes, names that come
/// twice, shapes that do not fit their bytes, bytes that overlap, lie outside or belong to no
/// array.
SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path, std::string_view json,
                                           int64_t available);

/// Throws Error that says why a file is refused.
[[noreturn]] void refuse_safetensors(const std::string& where, const std::string& what);

}  // namespace waiver
