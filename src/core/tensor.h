#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace waiver {

/// Up to five extents, outermost first.
struct Shape {
  int64_t dims[5] = {};
  int rank = 0;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) {
    for (int64_t extent : extents) dims[rank++] = extent;
  }
  int64_t operator[](int i) const { return dims[i < 0 ? rank + i : i]; }
  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= dims[i];
    return n;
  }
  bool operator==(const Shape& other) const {
    if (rank != other.rank) return false;
    for (int i = 0; i < rank; ++i)
      if (dims[i] != other.dims[i]) return false;
    return true;
  }
  std::string text() const;  // "[2, 3]"
};

/// A view of contiguous fp32 numbers, row-major. The Arena that gave it owns the memory.
struct Tensor {
  float* data = nullptr;
  Shape shape;

  int64_t size() const { return data ? shape.size() : 0; }
  int64_t dim(int i) const { return shape[i]; }
  explicit operator bool() const { return data != nullptr; }
  float* row(int64_t i) const { return data + i * shape[-1]; }
};

}  // namespace waiver
