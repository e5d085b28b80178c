#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace waiver {

// The safetensors format: 8 bytes, the header's length N, little-endian; N bytes of JSON,
// {"__metadata__": {text: text}, NAME: {"dtype", "shape", "data_offsets": [begin, end]}}, padded
// with spaces; then the arrays, little-endian and row-major, one after another.

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// The bytes of such a file, fp32 tensors in the given order; `path` is for error messages.
std::string safetensors_bytes(const std::filesystem::path& path,
                              const std::vector<NamedTensor>& tensors,
                              const std::map<std::string, std::string>& metadata);

/// Writes such a file in one step (write_atomically).
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// A file of fp32 tensors, read whole and checked.
class Safetensors {
 public:
  struct Entry {
    std::string name;
    Shape shape;
    size_t begin = 0;  // of its bytes among all arrays
  };

  /// Throws Error where the file is missing, truncated or not of this format, holds a type other
  /// than F32 or more than five axes, or where its offsets do not cover the file exactly.
  static Safetensors open(const std::filesystem::path& path);
  /// The same for bytes already read; `path` is for error messages.
  static Safetensors parse(const std::filesystem::path& path, std::string bytes);

  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// In file order.
  const std::vector<Entry>& entries() const { return entries_; }
  /// The entry of this name, or null.
  const Entry* find(std::string_view name) const;
  /// Copies an entry's numbers. REQUIRES: `out` has room for shape.size() of them.
  void copy(const Entry& entry, float* out) const { copy(entry, out, entry.shape.size()); }
  /// Copies its first `count` numbers.
  void copy(const Entry& entry, float* out, int64_t count) const;
  /// A copy of all of them.
  std::vector<float> read(const Entry& entry) const;

 private:
  Safetensors() = default;

  std::string bytes_;
  size_t arrays_ = 0;  // where the arrays begin in `bytes_`
  std::map<std::string, std::string> metadata_;
  std::vector<Entry> entries_;
};

}  // namespace waiver
