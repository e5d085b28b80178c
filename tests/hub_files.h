#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "temporary.h"

// Files as others publish them, byte by byte and without this program's own writer.

namespace waiver {

struct RawTensor {
  std::string name, dtype;
  std::vector<uint64_t> shape;
  std::string bytes;
};

/// A safetensors file with this header, as it stands, and these arrays.
inline std::string raw_safetensors(const std::string& header, const std::string& arrays) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + arrays;
}

inline std::string raw_header(const std::vector<RawTensor>& tensors) {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  size_t at = 0;
  for (const RawTensor& t : tensors) {
    header += fmt::format(R"(,"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", t.name,
                          t.dtype, fmt::join(t.shape, ","), at, at + t.bytes.size());
    at += t.bytes.size();
  }
  return header + "}";
}

inline std::string raw_safetensors(const std::vector<RawTensor>& tensors) {
  std::string arrays;
  for (const RawTensor& t : tensors) arrays += t.bytes;
  return raw_safetensors(raw_header(tensors), arrays);
}

/// The bytes of numbers: of float32, or of their upper halves.
inline std::string float_bytes(const std::vector<float>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)};
}
inline std::string bfloat16_bytes(const std::vector<float>& numbers) {
  std::string out;
  for (const float x : numbers) out += float_bytes({x}).substr(2);
  return out;
}

/// Folders of a published model with the same four tensors: in one file, in two with an index, and
/// in one of bfloat16 with buffers of other types.
inline void put_single(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  put_bytes(folder / "config.json",
            R"({"model_type": "toy", "hidden_size": 2, "scale": {"a": [1.5]}})");
  put_bytes(folder / "model.safetensors",
            raw_safetensors({{"embed.weight", "F32", {3, 2}, float_bytes({1, 2, 3, 4, 5, 6})},
                             {"norm.bias", "F32", {2}, float_bytes({-1, 0.5f})},
                             {"head.weight", "F32", {2, 3}, float_bytes({7, 8, 9, 1, 2, 3})},
                             {"scale", "F32", {}, float_bytes({0.25f})}}));
}
inline void put_sharded(const std::filesystem::path& folder) {
  put_single(folder);
  std::filesystem::remove(folder / "model.safetensors");
  put_bytes(folder / "model-00001-of-00002.safetensors",
            raw_safetensors({{"embed.weight", "F32", {3, 2}, float_bytes({1, 2, 3, 4, 5, 6})},
                             {"norm.bias", "F32", {2}, float_bytes({-1, 0.5f})}}));
  put_bytes(folder / "model-00002-of-00002.safetensors",
            raw_safetensors({{"head.weight", "F32", {2, 3}, float_bytes({7, 8, 9, 1, 2, 3})},
                             {"scale", "F32", {}, float_bytes({0.25f})}}));
  put_bytes(folder / "model.safetensors.index.json",
            R"({"metadata": {"total_size": 60}, "weight_map": {
  "embed.weight": "model-00001-of-00002.safetensors",
  "norm.bias": "model-00001-of-00002.safetensors",
  "head.weight": "model-00002-of-00002.safetensors",
  "scale": "model-00002-of-00002.safetensors"}})");
}
inline void put_bfloat16(const std::filesystem::path& folder) {
  put_single(folder);
  put_bytes(folder / "model.safetensors",
            raw_safetensors({{"embed.weight", "BF16", {3, 2}, bfloat16_bytes({1, 2, 3, 4, 5, 6})},
                             {"norm.bias", "BF16", {2}, bfloat16_bytes({-1, 0.5f})},
                             {"head.weight", "BF16", {2, 3}, bfloat16_bytes({7, 8, 9, 1, 2, 3})},
                             {"scale", "F32", {}, float_bytes({0.25f})},
                             {"positions", "I64", {1, 2}, std::string(16, '\0')},
                             {"mask", "BOOL", {1, 1, 2, 2}, std::string(4, '\1')}}));
}

}  // namespace waiver
