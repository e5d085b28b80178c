#pragma once

#include <fmt/format.h>

#include "autograd/tape.h"

template <>
struct fmt::formatter<waiver::Shape> : fmt::formatter<fmt::string_view> {
  auto format(const waiver::Shape& shape, fmt::format_context& out) const {
    return fmt::formatter<fmt::string_view>::format(shape.text(), out);
  }
};

namespace waiver {

/// What an op requires of its inputs before it computes anything. It looks at shapes and counts
/// only, so it applies in a rehearsal too; a check that passes formats no message. All throw
/// ShapeError, as in `[linear] the last axis of x [4096, 256] must match the rows of weight [128,
/// 512]`.
class Check {
 public:
  /// REQUIRES: `op` outlives the check.
  explicit Check(const char* op) : op_(op) {}

  template <class... T>
  void require(bool holds, fmt::format_string<const T&...> what, const T&... values) const {
    if (!holds) [[unlikely]]
      refuse(what, fmt::make_format_args(values...));
  }
  /// Two axes.
  void matrix(const char* name, const Shape& x) const {
    require(x.rank == 2, "{} {} must be a matrix", name, x);
  }
  /// No gaps between rows, for ops that treat an array as one run of numbers.
  void contiguous(const char* name, const Tensor& x) const {
    require(x.contiguous(), "the rows of {} {} must be contiguous, but their pitch is {}", name,
            x.shape, x.pitch);
  }
  void equal(const char* name, const Shape& x, const char* other, const Shape& z) const {
    require(x == z, "{} {} must have the shape of {} {}", name, x, other, z);
  }
  /// One number for each of the `count` `things`.
  void vector(const char* name, const Shape& x, int64_t count, const char* things) const {
    require(x == Shape{count}, "{} {} must be a vector with one number for each of the {} {}", name,
            x, count, things);
  }
  /// Rows of `batch` sequences of equal length.
  void sequences(const char* name, const Shape& x, int64_t batch) const {
    require(batch > 0 && x[0] % batch == 0,
            "the rows of {} {} must be a multiple of the {} sequences", name, x, batch);
  }
  /// Queries, keys and values [N, 3C] of this many heads.
  void queries_keys_values(const Shape& qkv, int64_t heads) const {
    matrix("qkv", qkv);
    require(heads > 0 && qkv[1] % (3 * heads) == 0,
            "the last axis of qkv {} must hold a query, a key and a value of each of the {} heads",
            qkv, heads);
  }

 private:
  [[noreturn]] void refuse(fmt::string_view what, fmt::format_args values) const;

  const char* op_;
};

}  // namespace waiver
