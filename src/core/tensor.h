#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

namespace waiver {

/// Up to five extents, outermost first.
struct Shape {
  static constexpr int kMostAxes = 5;
  int64_t dims[kMostAxes] = {};
  int rank = 0;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) {
    for (int64_t extent : extents) append(extent);
  }
  /// Adds an innermost axis. Throws ShapeError at a sixth.
  void append(int64_t extent) {
    if (rank == kMostAxes) refuse_axis(extent);
    dims[rank++] = extent;
  }
  int64_t operator[](int i) const { return dims[i < 0 ? rank + i : i]; }
  /// Throws TooLarge where the product exceeds what memory could ever hold (2^58 numbers).
  int64_t size() const {
    int64_t n = 1;
    bool large = false;
    for (int i = 0; i < rank; ++i) large |= __builtin_mul_overflow(n, dims[i], &n);
    if (large || n > kMost) refuse();
    return n;
  }
  bool operator==(const Shape& other) const {
    if (rank != other.rank) return false;
    for (int i = 0; i < rank; ++i)
      if (dims[i] != other.dims[i]) return false;
    return true;
  }
  std::string text() const;  // "[2, 3]"

 private:
  static constexpr int64_t kMost = int64_t{1} << 58;
  [[noreturn]] void refuse() const;
  [[noreturn]] void refuse_axis(int64_t extent) const;
};

/// The pitch that keeps a matrix product fast: rows that start a multiple of 2 KiB apart compete
/// for the same few cache sets, and a product of such matrices takes up to a third longer, so these
/// rows are padded by 64 bytes.
constexpr int64_t fast_pitch(int64_t columns) {
  return columns % 512 == 0 && columns < std::numeric_limits<int64_t>::max() - 16 ? columns + 16
                                                                                  : columns;
}

/// A view of fp32 numbers, row-major, contiguous unless `pitch` says otherwise. The Arena that gave
/// it owns the memory.
struct Tensor {
  float* data = nullptr;
  Shape shape;
  int64_t pitch = 0;  // numbers from one row to the next; 0: a row's length

  int64_t size() const { return data ? shape.size() : 0; }
  int64_t dim(int i) const { return shape[i]; }
  explicit operator bool() const { return data != nullptr; }
  int64_t stride() const { return pitch ? pitch : shape[-1]; }
  float* row(int64_t i) const { return data + i * stride(); }
  /// Whether every row begins where the previous one ends.
  bool contiguous() const { return pitch == 0 || pitch == shape[-1]; }
};

}  // namespace waiver
