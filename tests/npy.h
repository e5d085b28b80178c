#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Files of numbers as other programs write them.
namespace waiver {

// Numbers, little-endian.
template <class Number>
std::string raw(const std::vector<int64_t>& ids) {
  std::string bytes;
  for (const int64_t id : ids) {
    const auto number = static_cast<Number>(id);
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return bytes;
}

// As numpy.save writes it; `version` 2 has a longer length.
inline std::string npy(const std::string& numbers, const std::string& descr,
                       const std::string& shape, const std::string& fortran = "False",
                       char version = 1) {
  std::string dict =
      "{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
  const size_t before = version == 1 ? 10 : 12;
  dict.append(63 - (before + dict.size()) % 64, ' ').append("\n");
  std::string out = "\x93NUMPY" + std::string{version, '\0'};
  const auto length = static_cast<uint32_t>(dict.size());
  out.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
  return out + dict + numbers;
}

// Sequences of `length` tokens each, or one stream where the length is 0.
inline std::string npy_of(const std::vector<int64_t>& ids, int64_t length = 0) {
  const auto count = static_cast<int64_t>(ids.size());
  return npy(raw<uint32_t>(ids), "'<u4'",
             length > 0 ? "(" + std::to_string(count / length) + ", " + std::to_string(length) + ")"
                        : "(" + std::to_string(count) + ",)");
}

}  // namespace waiver
