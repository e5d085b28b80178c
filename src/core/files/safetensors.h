#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/files/input_file.h"
#include "core/files/safetensors_header.h"
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

/// A file of tensors, its header read and checked. Arrays of other types than F32, F16 and BF16 are
/// listed, but cannot be copied.
class Safetensors {
 public:
  using Entry = SafetensorsEntry;

  /// Reads the header; arrays are read from the file as they are copied. Throws Error where the
  /// file is missing, truncated or not of this format, where its header has more than 100 MB, an
  /// array more than five axes, or where its offsets do not cover the file exactly.
  static Safetensors open(const std::filesystem::path& path);
  /// The same for bytes already read; `path` is for error messages.
  static Safetensors parse(const std::filesystem::path& path, std::string bytes);

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  /// In file order.
  const std::vector<Entry>& entries() const { return header_.entries; }
  /// The entry of this name, or null.
  const Entry* find(std::string_view name) const;
  /// Copies an entry's numbers, as float32. Throws Error for an entry that is not readable(), and
  /// where the file can no longer be read. REQUIRES: `out` has room for shape.size() of them.
  void copy(const Entry& entry, float* out) const { copy(entry, out, entry.shape.size()); }
  /// Copies its first `count` numbers.
  void copy(const Entry& entry, float* out, int64_t count) const;
  /// A copy of all of them.
  std::vector<float> read(const Entry& entry) const;

 private:
  using Source = std::variant<std::string, InputFile>;

  Safetensors(std::filesystem::path path, Source source);
  int64_t source_size() const;
  void read_bytes(int64_t begin, std::span<std::byte> out) const;
  template <class Half>
  void copy_halves(const Entry& entry, float* out, int64_t count) const;

  std::filesystem::path path_;
  Source source_;
  int64_t arrays_ = 0;  // where the arrays begin
  SafetensorsHeader header_;
};

}  // namespace waiver
